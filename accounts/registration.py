"""Self-registration, where REGISTRATION allows it: the address is verified before all else."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts import audit
from accounts.models import User
from accounts.services import password_check, user_create

_SALT = "valence.verify-email"
# Long enough for a mail that waited over a weekend.
MAX_AGE_SECONDS = 3 * 86_400


class RegistrationClosedError(PermissionDenied):
    """REGISTRATION is off."""

    default_code = "registration_closed"
    default_detail = "Registration is closed on this server; ask its operator for an account."


def user_register(*, email: str, password: str, request: Request) -> None:
    """A user who cannot do anything yet, and a mail that lets them.

    Somebody who is known already gets another mail: neither answer nor time tells which.

    Raises:
        RegistrationClosedError: if nobody may register.
        ValidationError: for a bad address or a weak password.
    """
    if not settings.REGISTRATION:
        raise RegistrationClosedError
    # Before looking at who is there: the answer must not tell.
    password_check(password, User(email=email))
    if User.objects.filter(email__iexact=email).exists():
        make_password(password)
        _mail(email, "You have an account already; log in, or ask the operator to help you.")
        return
    with transaction.atomic():
        user = user_create(
            email=email,
            password=password,
            tier=settings.REGISTRATION_TIER,
            request=request,
            is_active=False,
        )
    token = signing.dumps(str(user.pk), salt=_SALT)
    url = request.build_absolute_uri("/api/v1/auth/verify-email/")
    _mail(
        email,
        f"Verify your address within three days:\n\n  curl {url} \\\n"
        f"    -H 'Content-Type: application/json' -d '{{\"token\": \"{token}\"}}'\n",
    )


@transaction.atomic
def email_verify(*, token: str, request: Request) -> User:
    """The user whose mail *token* was in, from now on active.

    Raises:
        ValidationError: if it is forged, too old or was used before.
    """
    wrong = ValidationError({"token": ValidationError("Not valid any more.", code="invalid")})
    try:
        user_id = signing.loads(token, salt=_SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature as error:
        raise wrong from error
    # A user who was verified and then disabled does not come back this way.
    waiting = User.objects.filter(pk=user_id, email_verified_at=None, is_active=False)
    if not waiting.update(email_verified_at=timezone.now(), is_active=True):
        raise wrong
    user = User.objects.get(pk=user_id)
    audit.record("email_verified", actor=user, target=user, request=request)
    return user


def _mail(address: str, body: str) -> None:
    send_mail("Your Valence account", body, None, [address])
