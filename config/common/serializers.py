"""Serializers that every app may build on."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt option must not be ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated values.

        Raises:
            ValidationError: naming each unknown field.
        """
        unknown = sorted(map(str, data.keys() - self.fields.keys())) if type(data) is dict else []
        if unknown:
            detail = f"Unknown field; known are: {', '.join(self.fields)}."
            error = serializers.ErrorDetail(detail, code="unknown_field")
            raise serializers.ValidationError(dict.fromkeys(unknown, error))
        return super().to_internal_value(data)


def validated(kind: type[StrictSerializer], data: object) -> dict[str, Any]:
    """The validated values of *data*.

    Raises:
        ValidationError: naming each field that is wrong.
    """
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
