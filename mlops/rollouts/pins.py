"""A version that one API key always gets."""

from __future__ import annotations

from accounts.api import ApiKey, User, audit_record
from mlops.rollouts.errors import RolloutError
from mlops.selectors import VersionNotFoundError, version_named


class KeyNotFoundError(RolloutError):
    """No key has that id."""


def key_pin(*, lookup_id: str, model: str, actor: User | None = None) -> ApiKey:
    """Pin a key to the version that *model* names, or with an empty name to none.

    Raises:
        KeyNotFoundError: if there is no such key.
        RolloutError: if there is no such version.
    """
    key = ApiKey.objects.filter(lookup_id=lookup_id).first()
    if key is None:
        raise KeyNotFoundError(f"There is no API key {lookup_id!r}.", code="key_unknown")
    if model:
        try:
            version_named(model)
        except VersionNotFoundError as error:
            raise RolloutError(str(error), code="version_unknown", field="model") from error
    key.pinned_model = model
    key.save(update_fields=["pinned_model"])
    audit_record("key_pinned", actor=actor, target=key, model=model)
    return key
