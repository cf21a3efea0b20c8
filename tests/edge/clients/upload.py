"""Uploads with requests, as it comes: its arguments are a token, a photo and URLs."""

import hashlib
import sys
import time
from pathlib import Path

import requests


def main(token: str, photo: str, *urls: str) -> None:
    """Upload, poll, download; print what came."""
    data = Path(photo).read_bytes()
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        for url in urls:
            upload(session, url, data)


def upload(session: requests.Session, url: str, data: bytes) -> None:
    """Do it once."""
    files = {"file": ("a.jpg", data, "image/jpeg")}
    posted = session.post(f"{url}/api/image-upload", files=files, timeout=60)
    upload_id = posted.json().get("data", {}).get("id")
    status = "processing"
    while status == "processing":
        time.sleep(0.02)
        polled = session.get(f"{url}/api/image-upload/{upload_id}/status", timeout=60)
        status = polled.json()["status"]
    image = session.get(f"{url}/api/available-image/{upload_id}/download", timeout=60)
    digest = hashlib.sha256(image.content).hexdigest()
    sys.stdout.write(f"{posted.status_code} {status} {image.status_code} {digest}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
