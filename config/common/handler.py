"""What views raise, in the one error shape. DRF imports this when it is set up, not before."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from django.http import Http404
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import NotFound

from config.common.errors import DatabaseUnavailableError


class ApiExceptionHandler(ExceptionHandler):
    """drf-standardized-errors', and two kinds that it does not tell apart."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """503 while the database is away; 404 in the words of whoever looked, where there are."""
        if isinstance(exc, (OperationalError, InterfaceError)):
            return DatabaseUnavailableError()
        if isinstance(exc, Http404) and exc.args:
            return NotFound(str(exc))
        known: Exception = super().convert_known_exceptions(exc)
        return known
