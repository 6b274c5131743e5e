"""An S3 client whose bucket refuses results as AWS does, where neither moto nor the embedded cloud does.

docs/testing.md lists the behaviours with AWS's pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from darkroom import output_keys

HOME, ELSEWHERE = "eu-central-1", "us-west-2"
# What each kind of bucket answers, by the client's method: error code, HTTP status, message. HeadBucket and HeadObject have no
# body.
KINDS: dict[str, dict[str, tuple[str, int, str]]] = {
    "mistyped": {
        "head_bucket": ("404", 404, "Not Found"),
        "put_object": ("NoSuchBucket", 404, "The specified bucket does not exist"),
    },
    "another account's": {"head_bucket": ("403", 403, "Forbidden")},
    "under a policy that demands a header": {
        "put_object": ("AccessDenied", 403, "Access Denied with an explicit deny in a resource-based policy"),
    },
    "under a foreign KMS key": {
        "put_object": ("AccessDenied", 403, "User is not authorized to perform: kms:GenerateDataKey on this resource"),
    },
    "under a disabled KMS key": {"put_object": ("KMS.DisabledException", 400, "The key is disabled.")},
    "unreadable": {"head_object": ("403", 403, "Forbidden")},
    "shows no new object yet": {"head_object": ("404", 404, "Not Found")},  # its versioning was enabled a moment ago
    "behind an outage": dict.fromkeys(
        ("head_bucket", "put_object"), ("InternalError", 500, "We encountered an internal error. Please try again.")
    ),
}


@dataclass
class RefusingBucket:
    """Passes every call to `client`, but those that `kind` refuses, one of KINDS. `region` is what HeadBucket names."""

    client: Any
    kind: str = ""
    region: str = HOME

    def __getattr__(self, name: str) -> Any:
        refusal = KINDS.get(self.kind, {}).get(name)
        if refusal is None:
            return self._head_bucket if name == "head_bucket" else getattr(self.client, name)
        code, status, message = refusal
        answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}

        def refuse(**parameters: Any) -> Any:
            raise ClientError(answer, "".join(word.capitalize() for word in name.split("_")))

        return refuse

    def _head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str = "") -> Any:
        """The SDK follows S3's redirect to the bucket's region, and returns the answer from there."""
        self.client.head_bucket(Bucket=Bucket)
        return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": self.region}}}


def left_over(client: Any, bucket: str) -> list[Any]:
    """Return every version and delete marker that storage checks left in the bucket."""
    listed = client.list_object_versions(Bucket=bucket, Prefix=output_keys.STORAGE_CHECK_KEY)
    return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
