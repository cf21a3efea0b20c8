from dataclasses import replace

from safelight_api.serving.heads import parse
from safelight_api.serving.last_head import MAX_BYTES, MAX_FIELDS, LastHeads

HEAD = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
PARSED = parse(HEAD, 0, len(HEAD))


def test_what_was_added_is_found_by_the_same_bytes_alone() -> None:
    heads = LastHeads()
    heads.add(HEAD, PARSED)
    assert heads.get(bytes(bytearray(HEAD))) is PARSED
    assert heads.get(HEAD[:-1]) is None
    assert heads.get(HEAD + b"\r\n") is None
    assert heads.get(HEAD.lower()) is None


def test_what_is_large_or_has_a_body_is_not_kept() -> None:
    heads = LastHeads()
    heads.add(b"a" * (MAX_BYTES + 1), PARSED)
    heads.add(b"b", replace(PARSED, headers=[(b"a", b"b")] * (MAX_FIELDS + 1)))
    heads.add(b"c", replace(PARSED, content_length=1))
    heads.add(b"d", replace(PARSED, is_chunked=True))
    assert len(heads) == 0
    heads.add(b"a" * MAX_BYTES, replace(PARSED, headers=[(b"a", b"b")] * MAX_FIELDS))
    assert len(heads) == 1


def test_the_number_is_bounded_and_what_is_asked_for_stays() -> None:
    heads = LastHeads(10)
    heads.add(HEAD, PARSED)
    for number in range(1000):
        heads.add(b"%d" % number, PARSED)
        assert len(heads) <= 20
        assert heads.get(HEAD) is PARSED
    assert heads.get(b"999") is PARSED
    assert heads.get(b"1") is None
