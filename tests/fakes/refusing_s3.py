"""An S3 client that refuses reads as AWS does, in cases in which neither moto nor the embedded cloud refuses them.
docs/testing.md lists these cases with AWS's pages about them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

KMS_DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/submit/submit is not authorized to perform: kms:Decrypt on the resource "
    "associated with this ciphertext because no identity-based policy allows the kms:Decrypt action"
)
INTERNAL_ERROR = ("InternalError", 500, "We encountered an internal error. Please try again.")
# For each kind of object: the client's methods that are refused, with error code, HTTP status and message. The answer
# of HeadObject has no body, so its error code is the HTTP status.
KINDS: dict[str, dict[str, tuple[str, int, str]]] = {
    "archived": {
        "get_object": ("InvalidObjectState", 403, "The operation is not valid for the object's storage class")
    },
    "denied by a policy": {
        "head_object": ("403", 403, "Forbidden"),
        "get_object": ("AccessDenied", 403, "Access Denied"),
        "get_object_tagging": ("AccessDenied", 403, "Access Denied"),
    },
    "not scanned yet": {
        "get_object": ("AccessDenied", 403, "Access Denied with an explicit deny in a resource-based policy")
    },
    "under a foreign KMS key": {"get_object": ("AccessDenied", 403, KMS_DENIED)},
    "under a disabled KMS key": {"get_object": ("KMS.DisabledException", 400, "The key is disabled.")},
    "under its uploader's key": {
        "head_object": ("400", 400, "Bad Request"),
        "get_object": ("InvalidRequest", 400, "The object was stored using a form of Server Side Encryption."),
    },
    "not shown yet": {  # the bucket's versioning was enabled a moment ago
        "head_object": ("404", 404, "Not Found"),
        "get_object": ("NoSuchKey", 404, "The specified key does not exist."),
        "get_object_tagging": ("NoSuchKey", 404, "The specified key does not exist."),
    },
    "behind an outage": dict.fromkeys(("head_object", "get_object", "get_object_tagging"), INTERNAL_ERROR),
}


@dataclass
class RefusingS3:
    """Passes every call on to `client`, except reads of the keys in `kinds`, which it refuses. `kinds` maps a key to
    the name of an entry of KINDS. `asked` holds the refused calls.
    """

    client: Any
    kinds: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        if not name.startswith(("head_object", "get_object")):
            return real

        def call(**parameters: Any) -> Any:
            refusal = KINDS.get(self.kinds.get(parameters["Key"], ""), {}).get(name)
            if refusal is None:
                return real(**parameters)
            self.asked.append((name, parameters["Key"]))
            code, status, message = refusal
            error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(error, name)

        return call
