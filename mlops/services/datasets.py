"""Labelled files that versions are measured on."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.db import transaction
from django.utils.text import slugify

from accounts.api import User
from mlops.evaluation.datasets import dataset_labels, dataset_read
from mlops.models import Dataset
from mlops.services.files import files_locked
from mlops.storage import blob_copy, blob_keep, blob_save
from mlops.training.data import DataFormatError, labels_read


def dataset_register(
    *,
    file: Path,
    name: str,
    split: str = "test",
    labels: Path | None = None,
    label_map: dict[str, str] | None = None,
    actor: User | None = None,
) -> Dataset:
    """Read *file* from start to end, keep it under its digest, and name it.

    The first data set becomes the reference of the promotion gates. Registering the same file
    again changes nothing.

    Raises:
        DataFormatError: naming file and line, or the other file that has this name; for a label
            map that is none.
    """
    if not _is_label_map(label_map or {}):
        raise DataFormatError('the label map must look like {"happy": "joy"}')
    names = labels_read(labels) if labels else _labels(file)
    rows = len(dataset_read(file, names))
    digest = blob_save(file)
    with files_locked():
        blob_keep(file, digest)
        dataset, made = Dataset.objects.select_for_update().get_or_create(
            name=slugify(name),
            split=slugify(split),
            defaults={
                "digest": digest,
                "suffix": file.suffix,
                "rows": rows,
                "labels": names,
                "label_map": label_map or {},
                "created_by": actor,
                "reference": not Dataset.objects.filter(reference=True).exists(),
            },
        )
    if not made and dataset.digest != digest:
        raise DataFormatError(f"{dataset} is another file; choose another name or split")
    return dataset


@transaction.atomic
def dataset_refer(*, dataset: Dataset) -> None:
    """Have the promotion gates compare on *dataset* from now on."""
    Dataset.objects.select_for_update().filter(reference=True).update(reference=False)
    dataset.reference = True
    dataset.save(update_fields=["reference"])


class DatasetFile:
    """The file of a data set on this machine, for as long as it is needed."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Path:
        path = Path(self._folder.name) / f"data{self._dataset.suffix}"
        blob_copy(self._dataset.digest, path)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _is_label_map(value: object) -> bool:
    """Forms and commands pass on whatever JSON they were given."""
    return isinstance(value, dict) and all(isinstance(name, str) for name in value.values())


def _labels(file: Path) -> list[str]:
    if file.suffix != ".csv":
        raise DataFormatError(f"{file}: label ids need their names; give the label file")
    return dataset_labels(file)
