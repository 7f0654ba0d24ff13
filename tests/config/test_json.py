"""JSON in and out."""

from __future__ import annotations

import gc
import weakref

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
    return Echo.as_view()(APIRequestFactory().post("/", body, format="json")).render()


def test_it_works():
    assert echoed({"text": "é"}).content == '{"received":{"text":"é"}}'.encode()


@pytest.mark.usefixtures("_no_collector")
def test_an_answer_is_gone_with_its_request_once_nobody_holds_it():
    answer = echoed({"text": "a"})
    gone = [weakref.ref(answer), weakref.ref(answer.accepted_renderer)]
    del answer
    assert [each() for each in gone] == [None, None]
