"""Each way in which a storage can answer or fail, against a server that does so."""

import time
from collections.abc import Callable
from contextlib import closing
from itertools import count

import pytest

from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected, ProcessingFailed, StorageFailed
from safelight_processor.objects import SignedObjects
from tests.processor_image.storing import DATA, QUERY, Clock, Connect, original, request_to
from tests.support.scripted_server import Answer, closed_port, serving

Call = Callable[[SignedObjects], object]
GET: Call = lambda objects: objects.fetch(original())  # noqa: E731 - a row of the tables below
PUT: Call = lambda objects: objects.store_image("image.jpg", DATA)  # noqa: E731 - a row of the tables below


def test_original_is_fetched_whole(connect: Connect) -> None:
    fetched = original()
    with serving([Answer(body=DATA)]) as server:
        connect(server.url).fetch(fetched)
    fetched.verify()
    assert fetched.file.getvalue() == DATA
    assert [(r.method, r.path) for r in server.received] == [("GET", f"/bucket/source?{QUERY}")]


def test_put_sends_the_signed_headers_and_no_others(connect: Connect) -> None:
    with serving([Answer()]) as server:
        connect(server.url).store_image("image.jpg", DATA)
    (received,) = server.received
    assert (received.method, received.path) == ("PUT", f"/bucket/image?{QUERY}")
    assert received.body == DATA
    assert received.headers == {
        "host": server.url.removeprefix("http://"),
        "content-length": str(len(DATA)),
        "content-type": "image/jpeg",
        "if-none-match": "*",
    }


def test_one_connection_serves_all_calls_to_one_host(connect: Connect) -> None:
    with serving([Answer(body=DATA), Answer(), Answer()]) as server:
        objects = connect(server.url)
        objects.fetch(original())
        objects.store_image("image.jpg", DATA)
        objects.store_manifest(b"{}")
    assert len(server.received) == 3
    assert len({received.connection for received in server.received}) == 1


TRANSIENT = {
    "500": Answer(500),
    "503 SlowDown": Answer(503, b"<Error><Code>SlowDown</Code></Error>"),
    "429": Answer(429),
    "408": Answer(408),
    "409": Answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>"),
    "answer lost": Answer(is_lost=True),
    "silence": Answer(is_silent=True),
}


@pytest.mark.parametrize("call", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_passing_fault_is_outlived(
    connect: Connect, clock: Clock, call: Call, fault: Answer
) -> None:
    with serving([fault, fault, Answer(body=DATA)]) as server:
        call(connect(server.url))
    assert len(server.received) == 3
    assert clock.naps == [0.2, 0.5]


@pytest.mark.parametrize("call", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("fault", [Answer(503), Answer(is_lost=True)], ids=["503", "lost"])
def test_lasting_fault_is_given_up_within_twenty_seconds(
    connect: Connect, clock: Clock, call: Call, fault: Answer
) -> None:
    with serving([fault]) as server, pytest.raises(StorageFailed) as caught:
        call(connect(server.url))
    assert caught.value.code == ExitCode.STORAGE_UNAVAILABLE
    assert len(server.received) == 7
    assert sum(clock.naps) < 20


@pytest.mark.parametrize("call", [GET, PUT], ids=["GET", "PUT"])
def test_nobody_there(connect: Connect, call: Call) -> None:
    with pytest.raises(StorageFailed) as caught:
        call(connect(f"http://127.0.0.1:{closed_port()}"))
    assert caught.value.code == ExitCode.STORAGE_UNAVAILABLE
    assert "ConnectionRefusedError" in caught.value.detail


FINAL = [
    (GET, Answer(403), StorageFailed, ExitCode.STORAGE_FORBIDDEN),
    (PUT, Answer(403), StorageFailed, ExitCode.STORAGE_FORBIDDEN),
    (GET, Answer(404, b"<Code>NoSuchKey</Code>"), ImageRejected, ExitCode.SOURCE_MISSING),
    (GET, Answer(404), ImageRejected, ExitCode.SOURCE_MISSING),
    (GET, Answer(404, b"<Code>NoSuchBucket</Code>"), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (
        GET,
        Answer(404, b"<Code>XAdminUserNotFound</Code>"),
        StorageFailed,
        ExitCode.STORAGE_FORBIDDEN,
    ),
    (PUT, Answer(404), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (GET, Answer(400), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (PUT, Answer(400), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (GET, Answer(302), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (GET, Answer(206, DATA[:100]), StorageFailed, ExitCode.STORAGE_UNAVAILABLE),
    (GET, Answer(body=DATA + b"x"), ImageRejected, ExitCode.CHECKSUM_MISMATCH),
]


@pytest.mark.parametrize(("call", "answer", "kind", "code"), FINAL)
def test_final_answer_is_not_asked_for_twice(
    connect: Connect, call: Call, answer: Answer, kind: type[ProcessingFailed], code: ExitCode
) -> None:
    with serving([answer]) as server, pytest.raises(kind) as caught:
        call(connect(server.url))
    assert caught.value.code == code
    assert len(server.received) == 1


def test_original_that_was_cut_short_is_fetched_anew(connect: Connect) -> None:
    fetched = original()
    with serving([Answer(body=DATA, cut_after=1000), Answer(body=DATA)]) as server:
        connect(server.url).fetch(fetched)
    fetched.verify()
    assert len(server.received) == 2


def test_original_that_only_drips_is_given_up() -> None:
    """Each byte is in time for the connection's time-out; all together are not."""
    ticks = count(0, 61)
    with (
        serving([Answer(body=DATA)]) as server,
        closing(SignedObjects(request_to(server.url), clock=lambda: next(ticks))) as objects,
        pytest.raises(StorageFailed) as caught,
    ):
        objects.fetch(original())
    assert caught.value.code == ExitCode.STORAGE_UNAVAILABLE
    assert "took too long" in caught.value.detail


def test_image_that_is_there_already_is_success(connect: Connect) -> None:
    """An earlier pod of the same attempt wrote it, or a call whose answer was lost."""
    answers = [Answer(is_lost=True), Answer(412, b"<Code>PreconditionFailed</Code>"), Answer()]
    with serving(answers) as server:
        objects = connect(server.url)
        objects.store_image("image.jpg", DATA)
        objects.store_manifest(b"{}")
    assert [r.path.split("?")[0] for r in server.received] == [
        "/bucket/image",
        "/bucket/image",
        "/bucket/manifest",
    ]


def test_refusal_before_the_body_was_read_is_understood(connect: Connect) -> None:
    """The pipe breaks while much is still to be sent; the answer says why."""
    with serving([Answer(403, before_reading=True)]) as server:
        objects = connect(server.url)
        with pytest.raises(StorageFailed) as caught:
            objects.store_image("image.jpg", bytes(8_000_000))
    assert caught.value.code in {ExitCode.STORAGE_FORBIDDEN, ExitCode.STORAGE_UNAVAILABLE}


def test_connection_that_was_closed_meanwhile_is_made_anew(connect: Connect, clock: Clock) -> None:
    with serving([Answer(body=DATA, closes_later=True), Answer()]) as server:
        objects = connect(server.url)
        objects.fetch(original())
        time.sleep(0.05)  # the server closes after its answer was read
        objects.store_image("image.jpg", DATA)
    assert [received.method for received in server.received] == ["GET", "PUT"]
    assert clock.naps == [0.2]


def test_no_failure_tells_a_signature(connect: Connect) -> None:
    with serving([Answer(403)]) as server, pytest.raises(StorageFailed) as caught:
        connect(server.url).fetch(original())
    assert "Signature" not in caught.value.detail
    assert QUERY not in repr(caught.value.__cause__)
