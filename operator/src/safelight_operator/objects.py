"""The object storage: signed URLs, small reads and deletes, with boto3 in a pool of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.job import SignedPut
from safelight_operator import metrics
from safelight_operator.output import StoredObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ListObjectsV2RequestTypeDef

_T = TypeVar("_T")

THREADS: Final = 8
_FORBIDDEN: Final = frozenset({401, 403})
_FORBIDDEN_CODES: Final = frozenset({"AccessDenied", "XAdminUserNotFound"})
"""The latter is VersityGW's word for an unknown access key, with a 404."""
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class StorageError(Exception):
    """The object storage cannot be reached, or refuses."""


class StorageForbiddenError(StorageError):
    """It refuses access: the credentials or the bucket's policy are wrong."""


class Objects:
    """What the operator does in the bucket."""

    def __init__(self, settings: ObjectStoreSettings) -> None:
        self._bucket = settings.bucket
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # Stores other than Amazon's refuse the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=THREADS,
                connect_timeout=5,
                read_timeout=10,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )

    def close(self) -> None:
        """Close all connections; what is under way is given up."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def sign_get(self, key: str, seconds: int) -> str:
        """Return a URL that reads one object for that long."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=seconds,
        )

    def sign_put(self, key: str, media_type: str, seconds: int) -> SignedPut:
        """Return a URL that writes one object of that type, once, for that long."""
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentType": media_type,
                "IfNoneMatch": "*",
            },
            ExpiresIn=seconds,
        )
        return SignedPut(url, {"Content-Type": media_type, "If-None-Match": "*"})

    async def read_manifest(self, upload_id: str, attempt: int) -> bytes | None:
        """Return an attempt's manifest, cut off one byte after the longest allowed.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        key = keys.manifest(upload_id, attempt)

        def read() -> bytes:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body:
                return body.read(keys.MAX_MANIFEST_BYTES + 1)

        return await self._run("get", read)

    async def stored(self, upload_id: str, attempt: int) -> list[StoredObject]:
        """Return all objects of an attempt: one read, however many there are.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        prefix = keys.attempt_prefix(upload_id, attempt)
        return [each async for page in self.pages(prefix) for each in page]

    async def delete(self, names: Iterable[str]) -> None:
        """Delete these objects; some may be gone already.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        await self._delete(list(names))

    async def delete_original(self, upload_id: str) -> None:
        """Delete the original of an upload, whatever its format.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        await self._delete([keys.original(upload_id, known) for known in policy.FORMATS])

    async def delete_images(
        self,
        upload_id: str,
        *,
        keep: Collection[str] = (),
        up_to: int | None = None,
    ) -> None:
        """Delete all that attempts have stored for an upload.

        Args:
            upload_id: whose.
            keep: keys of those that stay.
            up_to: the last attempt whose objects go; None: those of all.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """

        def goes(key: str) -> bool:
            if key in keep:
                return False
            owner = keys.owner(key)
            return up_to is None or (owner is not None and (owner.attempt or 0) <= up_to)

        async for page in self.pages(keys.images_prefix(upload_id)):
            await self._delete([stored.key for stored in page if goes(stored.key)])

    async def pages(self, prefix: str) -> AsyncIterator[list[StoredObject]]:
        """Yield all objects under a prefix, page by page, in the order of their keys.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        async for page in self._list(prefix):
            yield [
                StoredObject(
                    entry["Key"], entry["Size"], entry["LastModified"], entry["ETag"].strip('"')
                )
                for entry in page.get("Contents", ())
            ]

    async def count_outside(self, prefixes: Collection[str]) -> int:
        """Return how many objects and folders there are at the top besides these folders.

        Raises:
            StorageError: the object storage cannot be reached, or refuses.
        """
        count = 0
        async for page in self._list("", delimiter="/"):
            count += len(page.get("Contents", ()))
            folders = {folder["Prefix"] for folder in page.get("CommonPrefixes", ())}
            count += len(folders - set(prefixes))
        return count

    async def _list(
        self, prefix: str, delimiter: str = ""
    ) -> AsyncIterator["ListObjectsV2OutputTypeDef"]:
        request: ListObjectsV2RequestTypeDef = {
            "Bucket": self._bucket,
            "Prefix": prefix,
            "Delimiter": delimiter,
        }

        def read() -> "ListObjectsV2OutputTypeDef":
            return self._client.list_objects_v2(**request)

        while True:
            page = await self._run("list", read)
            if page is None:
                raise StorageError("list: there is no such bucket")
            yield page
            if not page["IsTruncated"]:
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    async def _delete(self, names: list[str]) -> None:
        for start in range(0, len(names), 1000):
            await self._delete_page(names[start : start + 1000])

    async def _delete_page(self, names: list[str]) -> None:
        def delete() -> None:
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": name} for name in names], "Quiet": True},
            )
            errors = [e for e in answer.get("Errors", ()) if e.get("Code") not in _ABSENT]
            if errors:
                code = errors[0].get("Code")
                kind = StorageForbiddenError if code in _FORBIDDEN_CODES else StorageError
                raise kind(f"delete: {code}")

        await self._run("delete", delete)

    async def _run(self, operation: str, call: Callable[[], _T]) -> _T | None:
        """Return what a call returns, or None where it finds nothing."""
        loop = asyncio.get_running_loop()
        code = "error"
        try:
            answer = await loop.run_in_executor(self._executor, call)
            code = "ok"
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _ABSENT:
                code = "absent"
                return None
            http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            is_forbidden = http in _FORBIDDEN or code in _FORBIDDEN_CODES
            kind = StorageForbiddenError if is_forbidden else StorageError
            raise kind(f"{operation}: {code}") from error
        except BotoCoreError as error:
            raise StorageError(f"{operation}: {type(error).__name__}") from error
        finally:
            metrics.STORAGE_REQUESTS.labels(operation, code).inc()
        return answer
