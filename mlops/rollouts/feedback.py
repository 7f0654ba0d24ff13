"""What callers think of answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.api import User
from mlops.log.ids import id_time
from mlops.models import Arm, Feedback, ModelVersion, Prediction
from mlops.rollouts.constants import FEEDBACK_DAYS
from mlops.rollouts.errors import FeedbackError, FeedbackNotFoundError, FeedbackTwiceError


def feedback_give(
    *,
    user: User,
    prediction_id: UUID,
    labels: Sequence[str] | None = None,
    agrees: bool | None = None,
    weight: float = 1.0,
    comment: str = "",
) -> Feedback:
    """Keep what *user* thinks of a prediction of their own: its right labels, or yes or no.

    Right labels agree with an answer whose strongest label is among them, and no label at all
    with an answer that gave none. Feedback counts for the arm and the time of its prediction,
    however late it comes.

    Raises:
        FeedbackNotFoundError: if the prediction is unknown, somebody else's or too old.
        FeedbackTwiceError: if *user* said so before.
        FeedbackError: for labels that the version does not have, or a failed prediction.
    """
    row = _prediction(user, prediction_id)
    if labels is not None:
        _labels_check(row, labels)
        agrees = row.top_label in labels if labels else row.low_confidence
    assert agrees is not None
    try:
        with transaction.atomic():
            return Feedback.objects.create(
                prediction_id=row.pk,
                predicted_at=row.created_at,
                user=user,
                key_id=row.key_id,
                version_id=row.version_id,
                rollout_id=row.rollout_id,
                arm_id=row.arm_id,
                subject_hash=row.subject_hash,
                labels=sorted(set(labels)) if labels is not None else None,
                agrees=agrees,
                weight=weight,
                comment=comment,
            )
    except IntegrityError as error:
        detail = "You gave feedback on this prediction before; the first word counts."
        raise FeedbackTwiceError(detail, code="feedback_given", field="prediction") from error


def _prediction(user: User, prediction_id: UUID) -> Prediction:
    oldest = timezone.now() - timedelta(days=FEEDBACK_DAYS)
    if prediction_id.version == 7 and id_time(prediction_id) < oldest:
        detail = f"Feedback is taken for {FEEDBACK_DAYS} days; this prediction is older."
        raise FeedbackNotFoundError(detail, code="prediction_too_old", field="prediction")
    rows = Prediction.objects.by_id(prediction_id) if prediction_id.version == 7 else None
    # Somebody else's is as unknown as none: ids must not tell who asked what.
    row = rows.filter(user_id=user.pk, shadow=False).first() if rows is not None else None
    if row is None:
        detail = (
            "You have no prediction of this id. One that was answered a moment ago may not be in "
            "the log yet; try again in a few seconds."
        )
        raise FeedbackNotFoundError(detail, code="prediction_unknown", field="prediction")
    if row.error_code:
        detail = f"This prediction failed ({row.error_code}): there is no answer to judge."
        raise FeedbackError(detail, code="prediction_failed", field="prediction")
    return row


def _labels_check(row: Prediction, labels: Sequence[str]) -> None:
    known = labels_of(row)
    wrong = sorted(set(labels) - set(known))
    if wrong:
        detail = f"Not labels of the version that answered: {', '.join(wrong)}."
        raise FeedbackError(detail, code="labels_unknown", field="labels")


def labels_of(row: Prediction) -> list[str]:
    """The labels that the answer could have had: the champion's, where the arm has a map."""
    mapped = Arm.objects.filter(label_map__isnull=False)
    arm = mapped.filter(pk=row.arm_id).first() if row.arm_id else None
    if arm:
        champion = arm.rollout.arms.select_related("version").get(champion=True)
        return champion.version.product_labels
    versions = ModelVersion.objects.filter(pk=row.version_id) if row.version_id else None
    version = versions.first() if versions is not None else None
    return version.product_labels if version else []
