"""What people who use kubectl see of the resources, and can do with them."""

import pytest

from safelight_contract import facts
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind
from safelight_local.cluster import Cluster
from tests.contract.conftest import Kubectl
from tests.contract.making import FACTS, condition, image, upload, variant, with_variants


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


@pytest.mark.parametrize("kind", [IMAGE_UPLOAD, AVAILABLE_IMAGE], ids=lambda k: k.plural)
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
