"""The hint to the operator: one attempt, and nothing depends on it."""

import time
from dataclasses import replace

import pytest

from safelight_processor.objects import SignedObjects
from tests.processor_image.storing import Connect, request_to
from tests.support.scripted_server import Answer, closed_port, serving


def test_hint_is_one_post_without_a_body(connect: Connect) -> None:
    with serving([Answer(204)]) as server:
        assert connect(server.url).hint()
    (received,) = server.received
    assert received.method == "POST"
    assert received.path == "/hints/9b2d6f0e-7c1a-4f7e-8a54-0f6f2f9f1a11"
    assert received.headers["content-length"] == "0"


@pytest.mark.parametrize(
    "answer",
    [Answer(500), Answer(404), Answer(is_lost=True)],
    ids=["500", "404", "lost"],
)
def test_hint_that_fails_is_let_be(connect: Connect, answer: Answer) -> None:
    with serving([answer]) as server:
        assert not connect(server.url).hint()
    assert len(server.received) == 1


def test_hint_that_nobody_answers_costs_a_second(connect: Connect) -> None:
    start = time.monotonic()
    with serving([Answer(is_silent=True)]) as server:
        assert not connect(server.url).hint()
    assert 0.9 < time.monotonic() - start < 2


def test_hint_that_nobody_listens_to(connect: Connect) -> None:
    assert not connect(f"http://127.0.0.1:{closed_port()}").hint()
    assert not SignedObjects(replace(request_to("http://127.0.0.1:1"), hint_url=None)).hint()
