"""What a caller may send, and the shapes of the answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.common.serializers import StrictSerializer
from emotions.limits import MAX_SUBJECT_LENGTH, MAX_TEXT_LENGTH, MAX_TEXTS
from emotions.taxonomy import TAXONOMIES

GRANULARITIES = ("document", "sentence")


@dataclass(frozen=True, slots=True)
class TextProblem:
    """Why one text cannot be analysed."""

    code: str
    detail: str


def text_problem(value: Any) -> TextProblem | None:
    """What is wrong with one text, or None."""
    if not isinstance(value, str):
        return TextProblem("invalid", f"Expected a string, found {type(value).__name__}.")
    if not value.strip():
        return TextProblem("blank", "The text is empty.")
    if len(value) > MAX_TEXT_LENGTH:
        detail = f"The text has {len(value):,} characters; at most {MAX_TEXT_LENGTH:,} are allowed."
        return TextProblem("max_length", detail)
    if "\0" in value:
        return TextProblem("null_characters_not_allowed", "The text holds a NUL character.")
    return None


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH})
class TextField(serializers.Field[str, Any, str, Any]):
    """One text; a bad one fails the request."""

    def to_internal_value(self, data: Any) -> str:
        """The text as it is.

        Raises:
            ValidationError: for what ``text_problem`` finds.
        """
        problem = text_problem(data)
        if problem:
            raise serializers.ValidationError(problem.detail, code=problem.code)
        return str(data)


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_TEXTS,
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH},
    }
)
class TextsField(serializers.Field[list[Any], Any, list[Any], Any]):
    """Several texts; a bad one becomes a ``TextProblem`` in its place."""

    default_error_messages = {
        "not_a_list": "Expected a list of strings.",
        "empty": "The list is empty.",
        "max_items": "The list has {count} texts; at most {limit} are allowed.",
    }

    def to_internal_value(self, data: Any) -> list[str | TextProblem]:
        """The texts in order.

        Raises:
            ValidationError: if this is no list, an empty or too long one.
        """
        if not isinstance(data, list):
            self.fail("not_a_list")
        if not data:
            self.fail("empty")
        if len(data) > MAX_TEXTS:
            self.fail("max_items", count=len(data), limit=MAX_TEXTS)
        return [text_problem(value) or value for value in data]


class FiniteFloatField(serializers.FloatField):
    """A number: no string, no NaN."""

    def to_internal_value(self, data: Any) -> float:
        """The number."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A whole number: no string, no true or false."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """True or false: no string, no number."""

    def to_internal_value(self, data: Any) -> bool:
        """The value."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class AnalyzeRequestSerializer(StrictSerializer):
    """One text or several, and how to present the answer."""

    text = TextField(required=False, help_text="One text.")
    texts = TextsField(required=False, help_text="Several texts, answered by index.")
    top_k = StrictIntegerField(
        required=False, min_value=1, max_value=100, help_text="Only the strongest k scores."
    )
    granularity = serializers.ChoiceField(
        GRANULARITIES, default="document", help_text="`sentence` adds a result per sentence."
    )
    taxonomy = serializers.ChoiceField(
        TAXONOMIES, default="goemotions", help_text="28 emotions, or a grouping of them."
    )
    threshold = FiniteFloatField(
        required=False,
        min_value=0.0,
        max_value=1.0,
        help_text="For all labels, instead of the model's own thresholds.",
    )

    model = serializers.CharField(
        required=False,
        max_length=200,
        help_text="A version, `NAME` or `NAME:NUMBER`, instead of the one that serves you; needs "
        "the scope models:read.",
    )
    subject = serializers.CharField(
        required=False,
        max_length=MAX_SUBJECT_LENGTH,
        help_text="Whom the texts are about or from, in your own terms; kept as a keyed hash.",
    )
    store = StrictBooleanField(
        required=False, help_text="`false`: nothing of the text is kept, not even its hash."
    )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The validated values. One good text without options needs none of the machinery."""
        if type(data) is dict and data.keys() == {"text"} and text_problem(data["text"]) is None:
            return {**self._defaults, **data}
        return super().run_validation(data)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {
            name: field.default
            for name, field in self.fields.items()
            if field.default is not serializers.empty
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of ``text`` and ``texts``."""
        if ("text" in attrs) == ("texts" in attrs):
            code = "mutually_exclusive" if "text" in attrs else "required"
            raise serializers.ValidationError(
                {"text": serializers.ErrorDetail("Send either text or texts.", code=code)}
            )
        return attrs


class LabelScoreSerializer(serializers.Serializer[Any]):
    """A label and its calibrated probability."""

    label = serializers.CharField()  # type: ignore[assignment]
    score = serializers.FloatField()


class EmotionsSerializer(serializers.Serializer[Any]):
    """The emotions of one piece of text."""

    labels = LabelScoreSerializer(many=True, help_text="Over their threshold, strongest first.")
    scores = serializers.DictField(child=serializers.FloatField())
    dominant = LabelScoreSerializer()
    low_confidence = serializers.BooleanField(help_text="No label is over its threshold.")
    valence = serializers.FloatField(
        allow_null=True, help_text="P(positive) - P(negative), -1 to 1."
    )
    tokens = serializers.IntegerField()
    windows = serializers.IntegerField(
        help_text="Overlapping windows that a long text was read in; their mean is the result."
    )
    cached = serializers.BooleanField()


class SentenceSerializer(EmotionsSerializer):
    """The emotions of ``text[start:end]``, in Unicode code points."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()


class TextErrorSerializer(serializers.Serializer[Any]):
    """Why one text of a batch has no result."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField()


class ResultSerializer(EmotionsSerializer):
    """One text's result, or its error."""

    index = serializers.IntegerField()
    id = serializers.UUIDField(
        required=False, help_text="Of the prediction; absent for a text that nobody could read."
    )
    sentences = SentenceSerializer(many=True, required=False)
    error = TextErrorSerializer(required=False)


class ModelSerializer(serializers.Serializer[Any]):
    """Which model answered."""

    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField()


class TimingsSerializer(serializers.Serializer[Any]):
    """Milliseconds."""

    tokenise = serializers.FloatField()
    queue = serializers.FloatField()
    infer = serializers.FloatField()


class MetaSerializer(serializers.Serializer[Any]):
    """What is true of the whole answer."""

    model = ModelSerializer()
    timings_ms = TimingsSerializer()
    cached = serializers.IntegerField(help_text="Texts answered from the cache.")


class AnalyzeResponseSerializer(serializers.Serializer[Any]):
    """Results by index."""

    results = ResultSerializer(many=True)
    meta = MetaSerializer()


class LabelSerializer(serializers.Serializer[Any]):
    """One label of the model."""

    label = serializers.CharField()  # type: ignore[assignment]
    threshold = serializers.FloatField()
    ekman = serializers.CharField(allow_null=True)
    sentiment = serializers.CharField(allow_null=True)


class LabelsResponseSerializer(serializers.Serializer[Any]):
    """The labels of the serving model, in the order of its output."""

    labels = LabelSerializer(many=True)
    taxonomies = serializers.ListField(child=serializers.CharField())


class CurrentModelSerializer(ModelSerializer):
    """The serving model and what is known of it."""

    format = serializers.CharField()
    precision = serializers.CharField()
    device = serializers.CharField()
    max_length = serializers.IntegerField(help_text="Tokens of one window.")
    labels = serializers.IntegerField()
    metrics = serializers.DictField()
