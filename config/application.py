"""The WSGI application, without the threads and files of a process that serves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries

from config.libraries.optional import unused_left_out

if TYPE_CHECKING:
    from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Once, before there are threads: a tenth of the memory, and of the time to start.
with unused_left_out():
    _django = get_wsgi_application()
# Django tidies up before and after each request; after it is enough. Neither cache that the
# settings know has anything to close, and the queries that DEBUG keeps are nobody's here.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)


def _answered(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django's answer, as a list where its body is complete.

    The server sends a list in one piece; anything else it iterates over, chunk by chunk, with a
    change of threads for each.
    """
    response = _django(environ, start_response)
    if response.streaming:
        return response
    body = [cast("HttpResponse", response).content]
    response.close()
    return body


# After the apps are ready.
from config.common.admission import Admission  # noqa: E402
from emotions.express import Express  # noqa: E402

application = Admission(Express(_answered))
