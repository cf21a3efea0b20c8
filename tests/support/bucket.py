"""The bucket of a test, as somebody who has its keys sees it: past all programs of ours."""

import boto3
from botocore.config import Config

from safelight_contract import keys
from safelight_contract.env import ObjectStoreSettings


class Bucket:
    """The objects of one bucket.

    Args:
        settings: where it is; no HTTP proxy is asked on the way.
    """

    def __init__(self, settings: ObjectStoreSettings) -> None:
        self.settings = settings
        self.name = settings.bucket
        self.s3 = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                proxies={},
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self.s3.close()

    def stored(self, prefix: str = "") -> list[str]:
        """Return all keys that start so."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def keys_of(self, upload_id: str) -> list[str]:
        """Return the keys of all objects of one upload."""
        prefixes = (f"{keys.ORIGINALS}{upload_id}", keys.images_prefix(upload_id))
        return [key for prefix in prefixes for key in self.stored(prefix)]

    def has(self, key: str) -> bool:
        """Say whether there is an object."""
        return key in self.stored(key)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put(self, key: str, data: bytes, media_type: str = "image/jpeg") -> str:
        """Store an object and return its etag, without quotes."""
        answer = self.s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=media_type)
        return answer["ETag"].strip('"')

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.name, Key=key)
