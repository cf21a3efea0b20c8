"""Bad images end with a reason, and cost nobody else."""

from pathlib import Path

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


def test_slice_of_the_corpus(client: Client, corpus: list[dict[str, str]]) -> None:
    """Real good, odd and bad files go all the way; each ends as its manifest row says."""
    wanted: dict[tuple[str, str], int] = {}
    chosen = []
    for row in corpus:
        kind = (row["format"], row["expected"])
        if row["format"] in {"JPEG", "PNG", "WEBP"} and row["expected"] != "either":
            wanted[kind] = wanted.get(kind, 0) + 1
            if wanted[kind] % 6 == 1:
                chosen.append(row)
    assert len(chosen) >= 10
    started = []
    for row in chosen:
        data = Path(row["path"]).read_bytes()
        response = client.http.post("/api/image-upload", files={"file": ("file", data)})
        if response.status_code == 422:
            assert row["expected"] == "must-fail-cleanly", row["file"]
            continue
        assert response.status_code == 201, (row["file"], response.text)
        started.append((row, response.json()["data"]["id"]))

    for row, upload_id in started:
        last = client.wait(upload_id, seconds=180).last
        if row["expected"] == "must-fail-cleanly":
            assert last["status"] == "failed", row["file"]
            continue
        assert last["status"] == "processed", (row["file"], last)
        width, height = (int(side) for side in row["fit_3840x2160"].split("x"))
        image = last["available_image"]
        assert abs(image["width"] - width) <= 1, row["file"]
        assert abs(image["height"] - height) <= 1, row["file"]
