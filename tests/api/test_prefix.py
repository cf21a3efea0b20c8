"""Path prefixes: what one may be, whom it is believed, and what is made of it."""

import pytest

from safelight_api import prefix


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", ""),
        ("/", ""),
        ("/photos", "/photos"),
        ("/photos/", "/photos"),
        ("/a/b-c/_d/~e/v1.2", "/a/b-c/_d/~e/v1.2"),
        ("/" + "x" * 127, "/" + "x" * 127),
    ],
)
def test_a_prefix(text: str, parsed: str) -> None:
    assert prefix.parse(text) == parsed


BAD = [
    "photos",
    "//evil.example",
    "/photos//x",
    "/photos/..",
    "/../photos",
    "/./photos",
    "/.hidden",
    "/...",
    "http://evil.example",
    "https:/evil",
    "/\\evil.example",
    "/photos?x=1",
    "/photos#x",
    "/photos;x",
    "/photos:80",
    "/user@evil",
    "/a%2e%2e",
    "/a b",
    "/a\tb",
    "/a\r\nSet-Cookie: x",
    "/a\n",
    "/a\x00",
    "/ü",
    "/<script>",
    '/"',
    "/photos//",
    "///",
    "/" + "x" * 128,
]


@pytest.mark.parametrize("text", BAD)
def test_what_could_lead_elsewhere_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no prefix"):
        prefix.parse(text)
    assert prefix.forwarded([text]) is None
    assert prefix.forwarded(["/photos", text]) is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], None),
        ([""], ""),
        (["/"], ""),
        (["/photos"], "/photos"),
        ([" /photos/ "], "/photos"),
        (["/outer, /inner"], "/outer/inner"),
        (["/outer", "/inner/"], "/outer/inner"),
        (["/outer, /"], "/outer"),
        (["/x" * 60, "/x" * 60], None),
        (["," * 2000], None),
    ],
)
def test_what_proxies_tell(values: list[str], told: str | None) -> None:
    assert prefix.forwarded(values) == told


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("192.0.2.7", True),
        ("fd00::5", True),
        ("192.0.2.8", False),
        ("11.1.2.3", False),
        ("fe80::1", False),
        ("::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_who_is_trusted(host: str | None, *, trusted: bool) -> None:
    networks = prefix.parse_networks(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])
    assert prefix.is_trusted(host, networks) is trusted
    assert not prefix.is_trusted(host, ())


@pytest.mark.parametrize(
    ("path", "under", "stripped"),
    [
        ("/api/image-upload", "", "/api/image-upload"),
        ("/api/image-upload", "/photos", "/api/image-upload"),
        ("/photos/api/image-upload", "/photos", "/api/image-upload"),
        ("/photos/healthz", "/photos", "/healthz"),
        ("/photosapi/image-upload", "/photos", "/photosapi/image-upload"),
        ("/photos", "/photos", "/photos"),
        ("/api/image-upload", "/api", "/api/image-upload"),
        ("/api/api/image-upload", "/api", "/api/image-upload"),
        ("/api/v1/api/available-image", "/api/v1", "/api/available-image"),
        ("/photos/photos/api/x", "/photos", "/photos/api/x"),
    ],
)
def test_a_prefix_that_a_proxy_has_left_is_taken_away_once(
    path: str, under: str, stripped: str
) -> None:
    assert prefix.stripped(path, under) == stripped
