"""Makes certificates for servers on this machine, and the files of trusted certificates for their clients.

Each call makes a new certificate authority. Its key is never written, so nobody can sign anything else in its name.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

NAMES = ("localhost", "127.0.0.1")
_HASHED = "*.[0-9]"  # the names OpenSSL looks for in SSL_CERT_DIR


@dataclass(frozen=True)
class Certificates:
    """The PEM files of a server's certificate and of the certificates that its clients trust."""

    chain: Path
    key: Path  # readable by its owner only
    authority: Path  # for clients that call only this server
    roots: Path  # for clients that call other servers too: the usual roots and the authority


@contextlib.contextmanager
def issued() -> Iterator[Certificates]:
    """Provide certificates while a block runs, then remove them."""
    with tempfile.TemporaryDirectory(prefix="darkroom-certificates-") as folder:
        yield issue(Path(folder))


def issue(folder: Path, *names: str) -> Certificates:
    """Write certificates for a new server into `folder`. They are for `names`, or for this machine's names if none are given.

    The caller removes the files. Raises FileExistsError if the folder has certificates already, and OSError if the operator's own
    SSL_CERT_FILE cannot be read.
    """
    folder = folder.resolve()  # because the paths are passed to processes with another working folder
    made = Certificates(*(folder / name for name in ("server.pem", "server-key.pem", "authority.pem", "roots.pem")))
    authority = trustme.CA(organization_name="Darkroom, on this machine", path_length=0)
    server = authority.issue_cert(*(names or NAMES))
    with os.fdopen(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(server.private_key_pem.bytes())
    made.chain.write_bytes(b"".join(one.bytes() for one in server.cert_chain_pems))
    made.authority.write_bytes(authority.cert_pem.bytes())
    made.roots.write_bytes(usual_roots(os.environ) + b"\n" + authority.cert_pem.bytes())
    return made


def usual_roots(environment: Mapping[str, str]) -> bytes:
    """Return the certificates that httpx trusts with these environment variables: those of SSL_CERT_FILE, otherwise of
    SSL_CERT_DIR, otherwise certifi's. Raises OSError."""
    if file := environment.get("SSL_CERT_FILE"):
        return Path(file).read_bytes()
    if folder := environment.get("SSL_CERT_DIR"):
        return b"\n".join(path.read_bytes() for path in sorted(Path(folder).glob(_HASHED)))
    return Path(certifi.where()).read_bytes()
