"""Uploads past the limit are read past, not kept."""

from __future__ import annotations

from typing import IO, Any

from django.conf import settings
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Files go to the disk, unless the whole body is past ``UPLOAD_LIMIT``.

    Then they are skipped and the form's fields are still read, so that the page can say why.
    """

    too_large = False

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, Any],  # noqa: N803 - Django calls it so
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, Any]] | None:
        """Remember the size that was announced; the server reads no more than that."""
        self.too_large = content_length > settings.UPLOAD_LIMIT
        return None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start a file.

        Raises:
            SkipFile: past the limit.
        """
        if self.too_large:
            raise SkipFile
        super().new_file(*args, **kwargs)
