"""What a real API server makes of the definitions: what it takes, and what may change then."""

import json
from typing import Any

import pytest

from safelight_contract import policy
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError
from tests.contract.conftest import Kubectl
from tests.contract.making import FACTS, condition, image, placed, upload, variant, with_variants


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


@pytest.mark.parametrize("kind", [IMAGE_UPLOAD, AVAILABLE_IMAGE], ids=lambda k: k.plural)
def test_the_server_finds_nothing_wrong_with_a_definition(kubernetes: Cluster, kind: Kind) -> None:
    """A schema that is not structural, or a rule that costs too much, shows as a condition."""
    crd = json.loads(kubernetes.kubectl("get", "crd", f"{kind.plural}.safelight.dev", "-o", "json"))
    states = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert states["NamesAccepted"] == states["Established"] == "True"
    assert "NonStructuralSchema" not in states
