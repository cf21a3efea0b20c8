"""What a real API server refuses because of the definitions."""

from typing import Any

import httpx
import pytest

from safelight_contract import keys, policy
from safelight_contract.resources import API_VERSION, AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.contract.making import (
    FACTS,
    SHA256,
    image,
    new_id,
    resource,
    upload,
    variant,
    with_variants,
)

REFUSED = [
    pytest.param(upload(fileName=""), "spec.fileName", id="no name"),
    pytest.param(upload(fileName="x" * 256), "spec.fileName", id="long name"),
    pytest.param(upload(fileName="\u4e2d" * 86), "at most 255 bytes of UTF-8", id="name in bytes"),
    pytest.param(upload(fileName="../etc/passwd"), "spec.fileName", id="path"),
    pytest.param(upload(fileName="a\\b.jpg"), "spec.fileName", id="path of Windows"),
    pytest.param(upload(fileName="a\r\nb.jpg"), "spec.fileName", id="line break"),
    pytest.param(upload(mediaType="image/tiff"), "spec.mediaType: Unsupported", id="media type"),
    pytest.param(upload(size=0), "spec.size", id="empty"),
    pytest.param(upload(size=policy.MAX_UPLOAD_BYTES + 1), "spec.size", id="too large"),
    pytest.param(upload(size="1"), "spec.size", id="size as text"),
    pytest.param(upload(sha256=SHA256[1:]), "spec.sha256", id="short checksum"),
    pytest.param(upload(sha256="A" * 64), "spec.sha256", id="upper-case checksum"),
    pytest.param(upload(extra="x"), "unknown field", id="unknown field"),
    pytest.param(upload(extra="x" * 200_000), "unknown field", id="large unknown field"),
    pytest.param(resource(IMAGE_UPLOAD, new_id(), {}), "spec.fileName: Required", id="no fields"),
    pytest.param(
        upload() | {"metadata": {"name": "holiday"}},
        "the name must be a lower-case UUID",
        id="upload's name",
    ),
    pytest.param(
        image() | {"metadata": {"name": "holiday"}},
        "the name must be a lower-case UUID",
        id="image's name",
    ),
    pytest.param(image(comment="x" * 2001), "spec.comment", id="long comment"),
    pytest.param(image(comment="a\x00b"), "spec.comment", id="null in a comment"),
    pytest.param(image(uploadUID=""), "spec.uploadUID", id="no uid"),
    pytest.param(
        image(stored={"key": keys.image(new_id(), 1, policy.JPEG)}),
        "an image lies under its own name",
        id="another's key",
    ),
    pytest.param(image(stored={"key": "images/x/1/image.jpg"}), "spec.image.key", id="odd key"),
    pytest.param(
        image(stored={"mediaType": "image/png"}),
        "the key's extension is that of the media type",
        id="other extension",
    ),
    pytest.param(image(stored={"width": 3841}), "spec.image.width", id="too wide"),
    pytest.param(image(stored={"height": 0}), "spec.image.height", id="no height"),
    pytest.param(image(stored={"etag": 'a"b'}), "spec.image.etag", id="quote in the entity tag"),
    pytest.param(image(stored={"etag": "a b"}), "spec.image.etag", id="space in the entity tag"),
    pytest.param(image(stored={"mediaType": "image/gif"}), "spec.image.mediaType", id="a GIF"),
    pytest.param(
        with_variants(*(variant(f"v{n}") for n in range(33))),
        "spec.variants: Too many",
        id="too many variants",
    ),
    pytest.param(
        with_variants(variant("w640"), variant("w640")),
        "each variant is there once",
        id="a variant twice",
    ),
    pytest.param(
        with_variants(variant("w640", key=keys.image(new_id(), 1, policy.AVIF, "w640"))),
        "a variant lies beside its image",
        id="another's variant",
    ),
    *(
        pytest.param(
            with_variants(variant("w640"), variant("w320", key=f"images/{{id}}/{rest}")),
            "a variant lies beside its image",
            id=label,
        )
        for label, rest in (
            ("another attempt's variant", "2/w320.avif"),
            ("a variant under another name", "1/w321.avif"),
            ("a variant's other extension", "1/w320.jpg"),
            ("a variant that is the image", "1/image.jpg"),
        )
    ),
    pytest.param(with_variants(variant("W640")), "spec.variants[0].name", id="variant's name"),
    pytest.param(
        with_variants(variant("w640", width=3841)), "spec.variants[0].width", id="wide variant"
    ),
    pytest.param(
        with_variants(variant("w640", etag="")), "spec.variants[0].etag", id="variant's entity tag"
    ),
    pytest.param(
        image(facts=FACTS | {"warnings": ["Sorry"]}), "spec.facts.warnings[0]", id="odd warning"
    ),
    pytest.param(
        image(facts=FACTS | {"changes": ["Rotated", "Rotated"]}),
        "spec.facts.changes[1]: Duplicate",
        id="a change twice",
    ),
    pytest.param(
        image(facts=FACTS | {"thumbhash": "<script>"}), "spec.facts.thumbhash", id="thumbhash"
    ),
    pytest.param(
        image(facts=FACTS | {"milliseconds": {"decode": -1}}),
        "spec.facts.milliseconds.decode",
        id="negative time",
    ),
    pytest.param(image(facts={}), "spec.facts.originalSize: Required", id="no facts"),
    pytest.param(image(processor="a\nb"), "spec.processor", id="line break in the processor"),
]


@pytest.mark.parametrize(("bad", "message"), REFUSED)
def test_bad_resources_are_refused(
    api_server: httpx.Client,
    bad: dict[str, Any],
    message: str,
) -> None:
    kind = IMAGE_UPLOAD if bad["kind"] == IMAGE_UPLOAD.kind else AVAILABLE_IMAGE
    answer = api_server.post(
        f"/apis/{API_VERSION}/namespaces/default/{kind.plural}",
        params={"dryRun": "All", "fieldValidation": "Strict"},
        json=bad,
    )
    assert answer.is_client_error
    assert message in answer.json()["message"]
