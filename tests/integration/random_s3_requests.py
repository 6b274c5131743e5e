"""Random requests to S3, and a player that makes them with a client. The answers of two players can be compared."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from tests.fakes.aws_account import INPUT, OUTPUT

KEYS = ("a.jpg", "a.jpg.bak", "b/ü c+d.png", "B", "_failed/a.jpg.json")
BODIES = (b"", b"one", b"another one", bytes(range(256)))
TAGS = ("", "a=b", "project=a+b&gr%C3%B6%C3%9Fe=%C3%BC&empty=")
HEADERS: tuple[dict[str, Any], ...] = (
    {},
    {"ContentType": "image/png", "Metadata": {"Darkroom-Job": "1 2", "note": "-"}},
    {"ContentType": "image/jpeg", "CacheControl": "no-store", "ContentDisposition": 'attachment; filename="a"'},
    {"ContentLanguage": "de", "Expires": "Wed, 21 Oct 2026 07:28:00 GMT"},
)
UNKNOWN_ETAG = '"0123456789abcdef0123456789abcdef"'
# What both say, but no adapter reads.
UNREAD = {
    "AcceptRanges", "ServerSideEncryption", "StorageClass", "Owner", "Initiator", "ExpiresString", "ChecksumType", "TagCount",
    "ChecksumAlgorithm", "ChecksumCRC32", "Name", "Prefix", "MaxKeys", "MaxUploads", "EncodingType", "KeyMarker", "Bucket",
    "VersionIdMarker", "UploadIdMarker", "Delimiter", "KeyCount", "Location", "DeleteMarker",
}  # fmt: skip
IDS = ("VersionId", "UploadId", "NextVersionIdMarker")


class Player:
    """Makes requests with one client. Ids that S3 gives are told by their number in requests and answers: `id-1`."""

    def __init__(self, client: Any) -> None:
        self.client, self.names, self.ids = client, dict[str, str](), dict[str, str]()

    def play(self, method: str, **request: Any) -> Any:
        """Return the answer, or the error's code and HTTP status."""
        given = {
            name: self.ids.get(value, value) if isinstance(value, str) else value for name, value in request.items()
        }
        try:
            return self._plain(getattr(self.client, method)(**given))
        except ClientError as error:
            response: Any = error.response
            return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: one for name, one in value.items() if name not in UNREAD | {"ResponseMetadata"}}
            return {name: self._named(one) if name in IDS else self._plain(one) for name, one in kept.items()}
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if isinstance(value, datetime):
            return value if value.year == 2026 and value.month == 10 else (value.microsecond, value.utcoffset())
        return value.read() if hasattr(value, "read") else value

    def _named(self, real: str) -> str:
        if real == "null":
            return real
        if real not in self.names:
            name = f"id-{len(self.names) + 1}"
            self.names[real], self.ids[name] = name, real
        return self.names[real]


class Requests:
    """Yields random requests about a few keys of the two buckets, of which the input bucket may have no versioning."""

    def __init__(self, choices: random.Random, *, versioned: bool) -> None:
        self.choices, self.versioned, self.etags = choices, {INPUT: versioned, OUTPUT: True}, [UNKNOWN_ETAG]
        self.versions: dict[
            tuple[str, str], list[str]
        ] = {}  # the ids of the versions that exist, and of the delete markers
        self.given = ["id-0"]  # every id, and one that S3 never gave

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return a client's method and its parameters."""
        make = self.choices.choice(
            [self._put, self._put, self._put, self._head, self._get, self._get, self._delete, self._tags, self._list]
        )
        return make({"Bucket": self.choices.choice((INPUT, OUTPUT)), "Key": self.choices.choice(KEYS)})

    def saw(self, method: str, request: dict[str, Any], answer: Any) -> None:
        """Note the versions that came and went, so that later requests can name them."""
        if method not in ("put_object", "delete_object") or isinstance(answer, tuple):
            return
        ids = self.versions.setdefault((request["Bucket"], request["Key"]), [])
        self.etags += [answer["ETag"]] if "ETag" in answer else []
        if "VersionId" in request:
            ids.remove(request["VersionId"])
        elif not self.versioned[request["Bucket"]]:
            ids[:] = ["the only version"] if method == "put_object" else []
        else:
            ids.append(answer["VersionId"])
            self.given.append(answer["VersionId"])

    def _put(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        etag = self.choices.choice(self.etags[-3:])
        condition = self.choices.choice(({}, {}, {"IfNoneMatch": "*"}, {"IfMatch": etag}))
        tags = self.choices.choice(TAGS)
        tagging = {"Tagging": tags} if tags else {}
        body = self.choices.choice(BODIES)
        return "put_object", {**at, "Body": body, **self.choices.choice(HEADERS), **tagging, **condition}

    def _head(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        return "head_object", {**at, **self._version(at)}

    def _get(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        etag = self.choices.choice(self.etags[-3:])
        part = self.choices.choice(({}, {"Range": "bytes=0-2"}, {"Range": "bytes=2-100"}, {"Range": "bytes=100-300"}))
        condition = self.choices.choice(({}, {"IfMatch": etag}, {"IfNoneMatch": etag}))
        return "get_object", {**at, **self._version(at), **part, **condition}

    def _delete(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """Delete what exists. The emulator makes no delete marker where there is nothing, although S3 does."""
        ids = self.versions.get((at["Bucket"], at["Key"]))
        if not ids:
            return self._head(at)
        named = self.versioned[at["Bucket"]] and self.choices.random() < 0.5
        return "delete_object", {**at, **({"VersionId": self.choices.choice(ids)} if named else {})}

    def _tags(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        if self.choices.random() < 0.5:
            return "get_object_tagging", {**at, **self._version(at)}
        tags = [{"Key": name, "Value": "v"} for name in ("a", "b")[: self.choices.randrange(1, 3)]]
        return "put_object_tagging", {**at, "Tagging": {"TagSet": tags}}

    def _list(self, at: dict[str, str]) -> tuple[str, dict[str, Any]]:
        if self.choices.random() < 0.5:
            return "list_objects_v2", {"Bucket": at["Bucket"]}
        return "list_object_versions", {
            "Bucket": at["Bucket"],
            "Prefix": self.choices.choice(("", "a.jpg", "b/", "none")),
        }

    def _version(self, at: dict[str, str]) -> dict[str, str]:
        """Return no version, one of the key, or any id, which may be another key's."""
        ids = self.versions.get((at["Bucket"], at["Key"])) or self.given
        if not self.versioned[at["Bucket"]] or self.choices.random() < 0.4:
            return {}
        return {"VersionId": self.choices.choice(self.choices.choice((ids, ids, self.given)))}
