"""A photo goes in through the REST API and comes out right, and kubectl shows the way."""

import base64
import hashlib
import io
import re
import time

import pytest
from PIL import Image

from safelight_contract import policy, resources
from safelight_contract.policy import Format
from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.bucket import Bucket
from tests.support.client import Client, keys_of_image
from tests.support.waiting import eventually


def test_photo_is_processed_and_served(client: Client, bucket: Bucket) -> None:
    """The whole path: upright, fitted, stripped, and the bytes are those of the record."""
    photo = photos.photo(4000, 3000, orientation=6)
    created = client.upload(photo, "Grüße vom Meer.JPEG")

    history = client.wait(created["id"])

    assert history.statuses[-1] == "processed"
    image = history.last["available_image"]
    assert image["id"] == created["id"]
    assert (image["width"], image["height"]) == (1620, 2160)
    assert image["path"] == f"images/{created['id']}/1/image.jpg"
    viewed = client.http.get(f"/api/available-image/{image['id']}/view")
    assert viewed.headers["content-type"] == "image/jpeg"
    assert hashlib.sha256(viewed.content).hexdigest() == image["sha256"]
    with Image.open(io.BytesIO(viewed.content)) as served:
        assert served.size == (1620, 2160)
        assert not served.getexif()
    downloaded = client.http.get(f"/api/available-image/{image['id']}/download")
    assert downloaded.content == viewed.content
    assert (
        "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20vom%20Meer.jpg"
        in (downloaded.headers["content-disposition"])
    )
    eventually(
        lambda: bucket.keys_of(image["id"]),
        lambda stored: stored == keys_of_image(image),
    )


def test_each_file_of_an_image_is_what_the_json_says(client: Client) -> None:
    """Type, bytes and pixels of every address; widths from the largest down, none enlarged."""
    upload_id = client.upload(photos.photo(3000, 2000), "wide.jpg")["id"]

    image = client.wait(upload_id).last["available_image"]

    variants = image["variants"]
    assert {variant["width"] for variant in variants} == {320, 640, 1280, 1920}
    assert {variant["format"] for variant in variants} == {"avif", "jpeg"}
    for file in (image, *variants):
        answer = client.http.get(file["url"])
        assert answer.headers["content-type"] == file["mime_type"]
        assert len(answer.content) == file["size"] <= image["size"]
        with Image.open(io.BytesIO(answer.content)) as opened:
            opened.load()
            assert f"image/{opened.format}".lower() == file["mime_type"]
            assert opened.size == (file["width"], file["height"])
            assert opened.height == pytest.approx(opened.width * 2 / 3, abs=1)
            assert not opened.getexif()
    assert image["original"] == {
        "mime_type": "image/jpeg",
        "size": len(photos.photo(3000, 2000)),
        "width": 3000,
        "height": 2000,
    }
    assert image["bytes_saved"] == image["original"]["size"] - image["size"]
    assert {"Exif", "Gps"} <= set(image["removed"])
    assert image["warnings"] == []
    assert len(base64.b64decode(image["thumbhash"])) >= 5
    assert re.fullmatch("#[0-9a-f]{6}", image["dominant_color"])


def test_accept_chooses_the_format_of_a_variant(client: Client) -> None:
    """AVIF for whoever names it, else the image's own format; each with an ETag of its own."""
    upload_id = client.upload(photos.photo(1200, 800))["id"]
    client.wait(upload_id)
    path = f"/api/available-image/{upload_id}/view?variant=w640"
    avif = client.http.get(path, headers={"Accept": "image/avif,image/*;q=0.8"})
    other = client.http.get(path, headers={"Accept": "*/*"})
    assert avif.headers["content-type"] == "image/avif"
    assert other.headers["content-type"] == "image/jpeg"
    assert avif.headers["etag"] != other.headers["etag"]
    for answer in (avif, other):
        assert answer.headers["vary"].startswith("Accept, Authorization")
        assert client.http.get(answer.headers["content-location"]).content == answer.content


def test_each_state_is_seen_in_order(client: Client, cluster: Cluster) -> None:
    """The two kinds hand over: first the upload alone, then the image alone."""
    # Large, so that it is still under way when kubectl has answered.
    created = client.upload(photos.photo(8000, 6000))
    upload_id = created["id"]
    assert cluster.get("imageupload", upload_id) is not None

    history = client.wait(upload_id, interval=0.01)

    assert history.statuses == ["processing", "processed"]
    order = ["queued", "running", "publishing"]
    assert history.phases == sorted(history.phases, key=order.index)
    assert "running" in history.phases
    available = cluster.get("availableimage", upload_id)
    assert available is not None
    assert available["metadata"].get("finalizers", []) == []
    assert available["metadata"].get("ownerReferences", []) == []
    eventually(lambda: cluster.get("imageupload", upload_id), lambda seen: seen is None)
    selector = f"{resources.LABEL_UPLOAD_ID}={upload_id}"
    eventually(lambda: cluster.names("jobs", selector), lambda seen: seen == [])
    eventually(lambda: cluster.names("pods", selector), lambda seen: seen == [], seconds=60)


def test_kubectl_tells_the_whole_story(client: Client, cluster: Cluster) -> None:
    """Get, describe, explain and wait answer an operator's questions."""
    created = client.upload(photos.photo(1200, 800), "story.jpg")
    cluster.kubectl("wait", "--for=create", f"availableimage/{created['id']}", "--timeout=60s")
    cluster.kubectl(
        "wait", "--for=condition=Ready", f"availableimage/{created['id']}", "--timeout=60s"
    )
    failed = client.upload(photos.photo(1200, 800)[:-20_000], "broken.jpg")
    cluster.kubectl(
        "wait", "--for=condition=Succeeded=False", f"imageupload/{failed['id']}", "--timeout=60s"
    )

    listing = cluster.kubectl("get", "imageuploads,availableimages")
    wide = cluster.kubectl("get", "safelight", "--output", "wide")
    described = cluster.kubectl("describe", "imageupload", failed["id"])
    explained = cluster.kubectl("explain", "imageupload.spec.sha256")

    rows = {line.split()[0]: line for line in listing.splitlines() if line.strip()}
    image_row = rows[f"availableimage.safelight.dev/{created['id']}"].split()
    assert image_row[1:5] == ["story.jpg", "image/jpeg", "1200", "800"]
    assert "CorruptImage" in rows[f"imageupload.safelight.dev/{failed['id']}"]
    assert f"images/{created['id']}/1/image.jpg" in wide
    assert resources.FAILURE_MESSAGES[resources.Failure.CORRUPT_IMAGE] in described
    assert "Events:" in described
    assert "CorruptImage" in described.partition("Events:")[2]
    assert "64 lower-case hexadecimal digits" in " ".join(explained.split())
    client.http.delete(f"/api/image-upload/{failed['id']}").raise_for_status()


@pytest.mark.parametrize(
    ("source", "made"),
    [
        (policy.PNG, policy.PNG),
        (policy.WEBP, policy.WEBP),
        (policy.AVIF, policy.AVIF),
        (policy.HEIF, policy.WEBP),
    ],
    ids=lambda image_format: image_format.name,
)
def test_other_formats_keep_their_family(client: Client, source: Format, made: Format) -> None:
    """What has transparency keeps it, and stays what it is if browsers can show it."""
    drawing = photos.drawing(640, 480, source)

    image = client.wait(client.upload(drawing, "logo.bin")["id"]).last["available_image"]

    assert image["mime_type"] == made.media_type
    assert image["original"]["mime_type"] == source.media_type
    assert image["path"].endswith(f"image.{made.extension}")
    served = client.http.get(f"/api/available-image/{image['id']}/view")
    with Image.open(io.BytesIO(served.content)) as opened:
        assert opened.format == made.name
        assert opened.mode == "RGBA"
        assert opened.size == (640, 480)


def test_comment_survives_and_shows_everywhere(client: Client, cluster: Cluster) -> None:
    """A comment set through the API is in the resource, and one set by kubectl in the API."""
    upload_id = client.upload(photos.photo(300, 200))["id"]
    client.wait(upload_id)
    path = f"/api/available-image/{upload_id}"

    patched = client.http.patch(path, json={"comment": "sunset"}).json()["data"]
    assert patched["comment"] == "sunset"
    available = cluster.get("availableimage", upload_id)
    assert available is not None
    assert available["spec"]["comment"] == "sunset"

    patch = '{"spec":{"comment":"dawn"}}'
    cluster.kubectl("patch", "availableimage", upload_id, "--type=merge", "--patch", patch)
    eventually(lambda: client.http.get(path).json()["data"]["comment"], lambda seen: seen == "dawn")


def test_the_first_answers_come_quickly(client: Client) -> None:
    """A poll costs milliseconds, also right after the 201 and for an unknown id."""
    upload_id = client.upload(photos.photo(300, 200))["id"]
    for path, code in (
        (f"/api/image-upload/{upload_id}/status", 200),
        ("/api/image-upload/00000000-0000-4000-8000-000000000000/status", 404),
    ):
        began = time.perf_counter()
        response = client.http.get(path)
        assert response.status_code == code
        assert time.perf_counter() - began < 1
    client.wait(upload_id)
