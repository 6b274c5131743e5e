"""Lets errors of HeadObject say why S3 refused. It changes no request and no answer that succeeded.

S3 answers a HEAD without a body, so the SDK knows only the status: 403 for a missing permission as for a wrong key, 400 for a
session that has expired as for an object under its uploader's own key (SSE-C). A GET of one byte needs the same permissions,
and its error has a body with the code.
"""

from __future__ import annotations

from typing import Any

UNEXPLAINED = frozenset({400, 403})
ASKED = "darkroom_object"  # where the request's context keeps what was asked for


def ask(s3: Any) -> None:
    """Let the client ask again by GetObject wherever HeadObject is refused with 400 or 403."""
    s3.meta.events.register("before-parameter-build.s3.HeadObject", _note)
    s3.meta.events.register("after-call.s3.HeadObject", lambda **given: _explain(s3, **given))


def _note(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[ASKED] = {name: params[name] for name in ("Bucket", "Key", "VersionId") if name in params}


def _explain(s3: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    from botocore.exceptions import ClientError

    if parsed["ResponseMetadata"]["HTTPStatusCode"] not in UNEXPLAINED:
        return
    try:
        s3.get_object(**context[ASKED], Range="bytes=0-0")["Body"].close()
    except ClientError as told:
        parsed["Error"] = told.response["Error"]
