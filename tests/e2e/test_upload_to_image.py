"""A photo goes in through the REST API and comes out right, and kubectl shows the way."""

import hashlib
import io
import time

import pytest
from PIL import Image

from safelight_contract import policy, resources
from safelight_contract.policy import Format
from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.bucket import Bucket
from tests.support.client import Client
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
        lambda stored: (
            stored == [f"images/{image['id']}/1/image.jpg", f"images/{image['id']}/1/manifest.json"]
        ),
    )


def test_each_state_is_seen_in_order(client: Client, cluster: Cluster) -> None:
    """The two kinds hand over: first the upload alone, then the image alone."""
    created = client.upload(photos.photo(3000, 2000))
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


@pytest.mark.parametrize("image_format", [policy.PNG, policy.WEBP], ids=lambda f: f.name)
def test_other_formats_keep_their_family(client: Client, image_format: Format) -> None:
    """PNG and WebP with transparency stay what they are."""
    drawing = photos.drawing(640, 480, image_format)

    image = client.wait(client.upload(drawing, "logo.bin")["id"]).last["available_image"]

    assert image["mime_type"] == image_format.media_type
    assert image["path"].endswith(f"image.{image_format.extension}")
    served = client.http.get(f"/api/available-image/{image['id']}/view")
    with Image.open(io.BytesIO(served.content)) as opened:
        assert opened.format == image_format.name
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
