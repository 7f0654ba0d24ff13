"""JSON in and out."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView


class Echo(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        return Response({"received": request.data})


@pytest.fixture
def _no_collector():
    gc.disable()
    yield
    gc.enable()


def echoed(body) -> Response:
    answer = Echo.as_view()(APIRequestFactory().post("/", body, format="json"))
    assert isinstance(answer, Response)
    answer.render()
    return answer


def test_it_works():
    assert echoed({"text": "é"}).content == '{"received":{"text":"é"}}'.encode()


@pytest.mark.usefixtures("_no_collector")
def test_an_answer_is_gone_with_its_request_once_nobody_holds_it():
    answer = echoed({"text": "a"})
    gone: list[weakref.ref[Any]] = [
        weakref.ref(each) for each in (answer, answer.accepted_renderer)
    ]
    del answer
    assert [each() for each in gone] == [None, None]
