"""Forms of model operations: what services refuse is said in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from mlops.export.options import MINIMUM_OPSET, OPSET, ExportOptions
from mlops.inference.errors import ArtifactError
from mlops.inference.hub import revision_check
from mlops.models import Dataset, ModelVersion
from mlops.selectors import dataset_reference, versions_visible
from mlops.services.registration import import_folder, overrides_parse
from mlops.services.uploads import upload_check


def _text(**options: Any) -> Any:
    return forms.CharField(widget=UnfoldAdminTextInputWidget(), **options)


class _Form(forms.Form):
    """Renders as label, field and help, one below the other."""

    template_name = "mlops/admin/form.html"


class RegisterForm(_Form):
    """One of three sources, and what the model's own files do not say."""

    folder = forms.ChoiceField(
        required=False, widget=UnfoldAdminSelectWidget(), label="Local folder"
    )
    repository = _text(required=False, label="or repository of the Hugging Face hub")
    revision = _text(
        required=False, help_text="Its commit, 40 hexadecimal digits: a branch can move."
    )
    archive = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        label="or archive",
        help_text="zip or tar of the folder; safetensors or ONNX only.",
    )
    name = _text(required=False, help_text="Of the model. Default: that of the source.")
    task = _text(required=False, help_text="What it classifies. Default: emotion.")
    activation = forms.ChoiceField(
        required=False,
        choices=(
            ("", "as its configuration says"),
            ("sigmoid", "sigmoid: labels are independent"),
            ("softmax", "softmax: one label wins"),
        ),
        widget=UnfoldAdminSelectWidget(),
    )
    labels = _text(required=False, help_text="Names of the outputs in their order, with commas.")
    label_map = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text='From its labels to the product\'s, as JSON: {"LABEL_0": "joy"}.',
    )
    max_length = forms.IntegerField(
        required=False,
        min_value=8,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Tokens of a window. Default: the model's.",
    )
    draft = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Not to be promoted before somebody validates it.",
    )

    def __init__(self, *args: Any, request: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        field = self.fields["folder"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "-"), *((name, name) for name in _folders())]
        field.help_text = f"Below {settings.MODELS_IMPORT_DIR}."

    def clean(self) -> dict[str, Any]:
        """Exactly one source, sound as far as one can see without loading it."""
        data = super().clean() or self.cleaned_data
        try:
            upload_check(self._request)
            given = [name for name in ("folder", "repository", "archive") if data.get(name)]
            if len(given) != 1:
                raise ValidationError("Give one source: a folder, a repository or an archive.")
            if data.get("folder"):
                data["path"] = str(import_folder(data["folder"]))
            if data.get("repository"):
                revision_check(data["repository"], data["revision"])
            labels = [label.strip() for label in data["labels"].split(",") if label.strip()]
            names = ("label_map", "activation", "max_length")
            data["overrides"] = overrides_parse(
                {**{name: data.get(name) for name in names}, "labels": labels}
            )
        except ArtifactError as error:
            raise ValidationError(str(error), code=error.code) from error
        return data


def _folders() -> list[str]:
    root = Path(settings.MODELS_IMPORT_DIR)
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


class EvaluateForm(_Form):
    """On which data set."""

    dataset = forms.ModelChoiceField(
        queryset=Dataset.objects.all(), widget=UnfoldAdminSelectWidget(), initial=dataset_reference
    )


class ReplayForm(_Form):
    """How far back."""

    hours = forms.FloatField(
        min_value=0.01,
        initial=24,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only texts that were kept are replayed; nothing is served or logged of it.",
    )


class ExportForm(_Form):
    """Precision, fusions, opset, exporter."""

    precision = forms.ChoiceField(
        choices=(
            ("int8", "int8: smallest and fastest on a CPU"),
            ("fp32", "fp32: the same answers"),
            ("fp16", "fp16: for GPUs"),
        ),
        widget=UnfoldAdminSelectWidget(),
    )
    optimize = forms.ChoiceField(
        choices=[("none", "no fusions")] + [(f"O{n}", f"O{n}") for n in range(1, 5)],
        widget=UnfoldAdminSelectWidget(),
    )
    opset = forms.IntegerField(
        initial=OPSET, min_value=MINIMUM_OPSET, widget=UnfoldAdminIntegerFieldWidget()
    )
    exporter = forms.ChoiceField(
        choices=(("optimum-onnx", "optimum-onnx"), ("transformers", "transformers 5")),
        widget=UnfoldAdminSelectWidget(),
    )

    def clean(self) -> dict[str, Any]:
        """A combination that can work."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                ExportOptions(**data)
            except ArtifactError as error:
                raise ValidationError(str(error), code=error.code) from error
        return data


class ReasonForm(_Form):
    """Why."""

    reason = _text(required=False, max_length=500, help_text="Kept with the event.")


class PromoteForm(ReasonForm):
    """Why, and whether against the gates."""

    force = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        label="Force",
        help_text="Promote whatever the gates say. Needs the permission and a reason.",
    )


class AliasForm(_Form):
    """A name that moves."""

    name = forms.SlugField(max_length=50, widget=UnfoldAdminTextInputWidget(), initial="challenger")


class CompareForm(_Form):
    """With which version, on which data set."""

    champion = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget(), label="Against"
    )
    dataset = forms.ModelChoiceField(
        queryset=Dataset.objects.all(), widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["champion"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = versions_visible()


class DatasetForm(_Form):
    """A labelled file and the names of its labels."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(),
        help_text="TSV: text, tab, label ids. Or CSV with text and labels (names joined by |).",
    )
    labels = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        label="Label names",
        help_text="One a line, in the order of the ids. TSV needs it.",
    )
    name = forms.SlugField(max_length=100, widget=UnfoldAdminTextInputWidget())
    split = forms.SlugField(max_length=50, widget=UnfoldAdminTextInputWidget(), initial="test")
    label_map = forms.JSONField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text='From the file\'s labels to the product\'s, as JSON: {"happy": "joy"}.',
    )
