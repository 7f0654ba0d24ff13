"""Forms of the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from accounts.constants import Scope
from accounts.models import ApiKey, User
from accounts.services import api_key_check, networks_clean, scopes_check, user_scopes


class LinesField(forms.CharField):
    """A list, one entry a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The lines as a list."""
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares lists with lists."""
        return bool((initial or []) != self.to_python(data))


class ApiKeyForm(forms.ModelForm[ApiKey]):
    """A key's name, reach and end; never its secret."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=Scope.EMOTIONS_READ,
    )
    allowed_networks = LinesField(
        required=False, help_text="One a line, such as 192.0.2.0/24. Empty: from anywhere."
    )

    # The person at the admin; set for each request.
    actor: User | None = None

    class Meta:
        model = ApiKey
        fields = ("user", "name", "scopes", "allowed_networks", "expires_at")

    def clean_allowed_networks(self) -> list[str]:
        """Networks in their canonical form."""
        try:
            return networks_clean(self.cleaned_data["allowed_networks"])
        except ValidationError as error:
            raise ValidationError(error.messages) from error

    def clean(self) -> dict[str, Any] | None:
        """What the service would refuse is said here."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if self.instance.pk:
            scopes_check(data["scopes"], user_scopes(self.instance.user))
        else:
            api_key_check(
                user=data["user"],
                scopes=data["scopes"],
                expires_at=data["expires_at"],
                created_by=self.actor,
            )
        return data
