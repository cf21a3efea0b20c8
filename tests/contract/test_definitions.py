"""What a real API server makes of the definitions: accepted, refused, shown."""

import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from safelight_contract import facts, keys, policy
from safelight_contract.facts import Change, Facts, Removed
from safelight_contract.policy import Format
from safelight_contract.resources import API_VERSION, AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError

SHA256 = "0" * 64
KINDS = pytest.mark.parametrize("kind", [IMAGE_UPLOAD, AVAILABLE_IMAGE], ids=lambda k: k.plural)


def new_id() -> str:
    return str(uuid.uuid4())


def upload(**changes: object) -> dict[str, Any]:
    spec = {
        "fileName": "holiday.jpg",
        "mediaType": "image/jpeg",
        "size": 4_521_733,
        "sha256": SHA256,
    }
    return resource(IMAGE_UPLOAD, new_id(), spec | changes)


def image(*, stored: Mapping[str, object] | None = None, **changes: object) -> dict[str, Any]:
    name = new_id()
    spec = {
        "uploadUID": "8ecdf378-7c62-45c4-b90b-e26d453bdfe9",
        "fileName": "holiday.jpg",
        "image": {
            "key": keys.image(name, 1, policy.JPEG),
            "mediaType": "image/jpeg",
            "size": 821_733,
            "width": 3840,
            "height": 2160,
            "sha256": SHA256,
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            **(stored or {}),
        },
    }
    return resource(AVAILABLE_IMAGE, name, spec | changes)


def variant(name: str, made: Format = policy.AVIF, **changes: object) -> dict[str, Any]:
    """Return a variant, for `with_variants` to put the image's id into its key."""
    described = {
        "name": name,
        "key": f"images/{{id}}/1/{name}.{made.extension}",
        "mediaType": made.media_type,
        "size": 41_733,
        "width": 640,
        "height": 360,
        "sha256": SHA256,
        "etag": "e2fc714c4727ee9395f324cd2e7f331f",
    }
    return described | changes


def with_variants(*variants: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of any type
    """Return an image with these variants."""
    made = image(**changes)
    made["spec"]["variants"] = placed(made["metadata"]["name"], *variants)
    return made


def placed(name: str, *variants: dict[str, Any]) -> list[dict[str, Any]]:
    """Return variants as those of the image of that name."""
    return [each | {"key": each["key"].format(id=name)} for each in variants]


FACTS = Facts(
    original_media_type="image/heic",
    original_size=policy.MAX_UPLOAD_BYTES,
    original_width=policy.MAX_PIXELS,
    original_height=1,
    frames=policy.MAX_FRAMES,
    thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
    dominant_color="#2f4f6f",
    changes=tuple(Change),
    removed=tuple(Removed),
    warnings=tuple(facts.Warning),
    milliseconds={f"phase_{letter}": 2**31 for letter in "abcdefghijklmnop"},
    cpu_milliseconds=2**31,
    peak_memory_bytes=2**40,
).to_dict()


def resource(kind: Kind, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name}
    return {"apiVersion": API_VERSION, "kind": kind.kind, "metadata": metadata, "spec": dict(spec)}


class Kubectl:
    """kubectl in the namespace of one test."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def __call__(self, *arguments: str, stdin: object = None) -> str:
        """Run it, and return what it printed."""
        text = None if stdin is None else json.dumps(stdin)
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=text)

    def create(self, *resources: Mapping[str, Any]) -> str:
        """Create resources."""
        items = {"apiVersion": "v1", "kind": "List", "items": resources}
        return self("create", "-f", "-", stdin=items)

    def refusal(self, *arguments: str) -> str:
        """Run what must fail, and return the error."""
        with pytest.raises(LocalError) as refused:
            self(*arguments)
        return str(refused.value)

    def patch(self, kind: Kind, name: str, change: object) -> list[str]:
        """Return the arguments of a merge patch."""
        return ["patch", kind.singular, name, "--type=merge", f"--patch={json.dumps(change)}"]

    def set_conditions(self, kind: Kind, name: str, *conditions: Mapping[str, object]) -> None:
        """Write a status, as the operator does."""
        status = {"observedGeneration": 1, "conditions": conditions}
        self(*self.patch(kind, name, {"status": status}), "--subresource=status")


@pytest.fixture
def kubectl(kubernetes: Cluster, namespace: str) -> Kubectl:
    return Kubectl(kubernetes, namespace)


@pytest.fixture(scope="module")
def api_server(kubernetes: Cluster) -> Iterator[httpx.Client]:
    """An administrator's direct access: kubectl takes a tenth of a second for each call."""
    with httpx.Client(
        base_url=kubernetes.url,
        headers={"Authorization": f"Bearer {kubernetes.token}"},
        verify=ssl.create_default_context(cafile=kubernetes.ca_file),
        trust_env=False,
    ) as client:
        yield client


def condition(kind: str, status: str, reason: str) -> dict[str, object]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "Told to people.",
        "observedGeneration": 1,
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 90)),
    }


def test_good_resources_are_accepted(kubectl: Kubectl) -> None:
    """Texts at their longest, in bytes and in characters, numbers at their bounds."""
    kubectl.create(
        upload(),
        upload(fileName="\u4e2d" * 85, size=policy.MAX_UPLOAD_BYTES),
        upload(fileName="a b;'\"%$(x) \U0001f4f7.JPG", mediaType="image/webp", size=1),
        *(upload(mediaType=each.media_type) for each in policy.FORMATS),
        image(),
        image(comment=""),
        image(comment="\u4e2d\n" * (policy.MAX_COMMENT_LENGTH // 2)),
        image(stored={"width": 1, "height": 1, "size": 1}),
        largest(),
    )


def largest() -> dict[str, Any]:
    """Return an image with as much of everything as there may be."""
    return with_variants(
        *(variant(f"v{n:02}-{'x' * 12}", made) for n in range(8) for made in policy.OUTPUTS),
        comment="\u4e2d" * policy.MAX_COMMENT_LENGTH,
        facts=FACTS,
        processor="x" * 200,
    )


def test_the_rules_can_be_paid_for_whatever_the_size(kubectl: Kubectl) -> None:
    """The server bounds what its rules may cost for one request."""
    made = largest()
    kubectl.create(made)
    change = {"spec": {"comment": "In the mountains"}}
    kubectl(*kubectl.patch(AVAILABLE_IMAGE, made["metadata"]["name"], change))


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


def test_the_spec_of_an_upload_cannot_change(kubectl: Kubectl) -> None:
    made = upload()
    kubectl.create(made)
    for change in (
        {"fileName": "x"},
        {"mediaType": "image/png"},
        {"size": 1},
        {"sha256": "1" * 64},
    ):
        patch = kubectl.patch(IMAGE_UPLOAD, made["metadata"]["name"], {"spec": change})
        assert "the spec of an ImageUpload cannot be changed" in kubectl.refusal(*patch), change


def test_of_an_image_only_the_comment_can_change(kubectl: Kubectl) -> None:
    made = image()
    name = made["metadata"]["name"]
    kubectl.create(made)
    kubectl(*kubectl.patch(AVAILABLE_IMAGE, name, {"spec": {"comment": "In the mountains"}}))
    kubectl(*kubectl.patch(AVAILABLE_IMAGE, name, {"spec": {"comment": None}}))
    for change in (
        {"fileName": "other.jpg"},
        {"uploadUID": "other"},
        {"image": {"etag": "other"}},
        {"image": {"width": 1}},
        {"facts": FACTS},
        {"processor": "another"},
        {"variants": placed(name, variant("w640"))},
    ):
        patch = kubectl.patch(AVAILABLE_IMAGE, name, {"spec": change})
        assert "only the comment can be changed" in kubectl.refusal(*patch)


def test_variants_and_facts_cannot_change(kubectl: Kubectl) -> None:
    made = with_variants(variant("w640"), facts=FACTS, processor="safelight/0.1.0")
    name = made["metadata"]["name"]
    kubectl.create(made)
    kubectl(*kubectl.patch(AVAILABLE_IMAGE, name, {"spec": {"comment": "In the mountains"}}))
    (first,) = made["spec"]["variants"]
    for change in (
        {"variants": None},
        {"variants": [first | {"etag": "other"}]},
        {"facts": None},
        {"facts": {"frames": 1}},
        {"processor": None},
    ):
        patch = kubectl.patch(AVAILABLE_IMAGE, name, {"spec": change})
        assert "only the comment can be changed" in kubectl.refusal(*patch), change


def test_a_status_is_written_through_its_subresource_alone(kubectl: Kubectl) -> None:
    made = upload()
    name = made["metadata"]["name"]
    kubectl.create(made | {"status": {"attempt": 7}})
    kubectl(*kubectl.patch(IMAGE_UPLOAD, name, {"status": {"attempt": 8}}))
    assert "status" not in json.loads(kubectl("get", "imageupload", name, "-o", "json"))
    kubectl.set_conditions(IMAGE_UPLOAD, name, condition("Succeeded", "Unknown", "Queued"))
    seen = json.loads(kubectl("get", "imageupload", name, "-o", "json"))
    assert seen["status"]["conditions"][0]["observedGeneration"] == seen["metadata"]["generation"]


def test_bad_conditions_are_refused(kubectl: Kubectl) -> None:
    made = upload()
    kubectl.create(made)
    for field, value in (("status", "Maybe"), ("reason", "not one word"), ("message", "x" * 1025)):
        bad = condition("Succeeded", "Unknown", "Queued") | {field: value}
        with pytest.raises(LocalError, match=rf"status\.conditions\[0\]\.{field}"):
            kubectl.set_conditions(IMAGE_UPLOAD, made["metadata"]["name"], bad)


def test_get_tells_what_it_is_how_big_where_it_stands_and_since_when(kubectl: Kubectl) -> None:
    waiting, failed = upload(), upload(fileName="broken.png")
    ready = with_variants(variant("w320"), variant("w640"), facts=FACTS)
    kubectl.create(waiting, failed, ready)
    kubectl.set_conditions(
        IMAGE_UPLOAD,
        failed["metadata"]["name"],
        condition("Succeeded", "False", "CorruptImage"),
    )
    kubectl.set_conditions(
        AVAILABLE_IMAGE,
        ready["metadata"]["name"],
        condition("Ready", "True", "Published"),
    )
    uploads = kubectl("get", "imageuploads").splitlines()
    assert uploads[0].split() == ["NAME", "FILE", "TYPE", "BYTES", "STATE", "SINCE", "AGE"]
    line = next(line for line in uploads if failed["metadata"]["name"] in line).split()
    assert line[1:5] == ["broken.png", "image/jpeg", "4521733", "CorruptImage"]
    assert line[5] in {f"{seconds}s" for seconds in range(90, 120)}
    images = kubectl("get", "availableimages").splitlines()
    assert images[0].split() == "NAME FILE TYPE WIDTH HEIGHT BYTES READY AGE".split()  # noqa: SIM905 - as the table's head reads
    assert images[1].split()[1:7] == "holiday.jpg image/jpeg 3840 2160 821733 True".split()  # noqa: SIM905 - as the table's line reads
    wide = kubectl("get", "imageuploads,availableimages", "-o", "wide")
    assert {"STALLED", "ATTEMPT", "KEY", "WARNINGS", "COMMENT"} <= set(wide.split())
    assert f'["{facts.Warning.HDR_GAIN_MAP_DROPPED}",' in wide


def test_short_names_and_the_category_work(kubectl: Kubectl) -> None:
    made = (upload(), image())
    kubectl.create(*made)
    names = {item["metadata"]["name"] for item in made}
    for arguments in (["imgup,avimg"], ["safelight"]):
        listed = kubectl("get", *arguments, "-o", "name").split()
        assert {line.partition("/")[2] for line in listed} == names


def test_the_server_selects_by_field(kubectl: Kubectl) -> None:
    kubectl.create(upload(), upload(mediaType="image/png"), image(uploadUID="one"), image())
    for kind, selector in (
        ("imageuploads", "spec.mediaType=image/png"),
        ("availableimages", "spec.uploadUID=one"),
        ("availableimages", "spec.uploadUID=one,spec.image.mediaType=image/jpeg"),
    ):
        found = kubectl("get", kind, f"--field-selector={selector}", "-o", "name")
        assert len(found.split()) == 1, selector


@KINDS
def test_explain_describes_every_field(kubernetes: Cluster, kind: Kind) -> None:
    paths = ["", ".spec", ".status", ".status.conditions"]
    if kind is AVAILABLE_IMAGE:
        paths += [".spec.image", ".spec.variants", ".spec.facts"]
    for path in paths:
        text = kubernetes.kubectl("explain", kind.plural + path)
        assert "<no description>" not in text, path


def test_wait_sees_a_failure_and_the_replacement(kubectl: Kubectl) -> None:
    failed, ready = upload(), image()
    kubectl.create(failed, ready)
    kubectl.set_conditions(
        IMAGE_UPLOAD,
        failed["metadata"]["name"],
        condition("Succeeded", "False", "CorruptImage"),
    )
    name = failed["metadata"]["name"]
    kubectl("wait", "--for=condition=Succeeded=False", f"imageupload/{name}", "--timeout=5s")
    name = ready["metadata"]["name"]
    kubectl("wait", "--for=create", f"availableimage/{name}", "--timeout=5s")


@KINDS
def test_the_server_finds_nothing_wrong_with_a_definition(kubernetes: Cluster, kind: Kind) -> None:
    """A schema that is not structural, or a rule that costs too much, shows as a condition."""
    crd = json.loads(kubernetes.kubectl("get", "crd", f"{kind.plural}.safelight.dev", "-o", "json"))
    states = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert states["NamesAccepted"] == states["Established"] == "True"
    assert "NonStructuralSchema" not in states
