"""Bad images end with a reason, and cost nobody else."""

from tests.e2e.conftest import Cluster
from tests.support import images, photos
from tests.support.bucket import Bucket
from tests.support.client import Client
from tests.support.waiting import eventually


def test_corrupt_image_fails_with_its_reason(
    client: Client, cluster: Cluster, bucket: Bucket
) -> None:
    """Failed for ever, the original is kept for the retention, nothing is published."""
    upload_id = client.upload(photos.photo(2000, 1500)[:-30_000], "torn.jpg")["id"]

    history = client.wait(upload_id)

    assert history.last["status"] == "failed"
    assert history.last["available_image"] is None
    assert history.last["error"]["code"] == "CorruptImage"
    assert history.last["error"]["message"]
    client.poll(history)
    history.check()
    upload = cluster.get("imageupload", upload_id)
    assert upload is not None
    assert upload["status"]["attempt"] == 1
    assert cluster.get("availableimage", upload_id) is None
    assert bucket.keys_of(upload_id) == [f"image_uploads/{upload_id}.jpg"]
    assert client.http.delete(f"/api/image-upload/{upload_id}").status_code == 204
    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])


def test_pixel_flood_fails_without_being_decoded(client: Client) -> None:
    """The header is enough to refuse 65,536 x 65,536 pixels."""
    upload_id = client.upload(images.png_of_size(65_536, 65_536), "bomb.png")["id"]

    history = client.wait(upload_id)

    assert history.last["error"]["code"] == "ImageTooLarge"


def test_text_is_refused_at_the_door(client: Client) -> None:
    """What has no accepted magic bytes never becomes a resource."""
    response = client.http.post(
        "/api/image-upload", files={"file": ("image.jpg", b"<svg>not a photo</svg>", "image/jpeg")}
    )

    assert response.status_code == 422
    assert "file" in response.json()["errors"]
