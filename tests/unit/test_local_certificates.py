"""Tests the certificates of the embedded cloud: which server shows them, which client trusts them, and which files
others can read.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import stat
import threading
from pathlib import Path

import certifi
import pytest

from darkroom_local.machine.certificates import NAMES, Certificates, issue, issued, usual_roots

HEADER = b"-----BEGIN CERTIFICATE-----"


def greeted(server: Certificates, name: str, trusted: Path) -> bool:
    """Say whether a strict client that trusts the certificates in `trusted` accepts the server under this name."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(server.chain, server.key)
    trust = ssl.create_default_context(cafile=trusted)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    here, there = socket.socketpair()
    with here, there:
        thread = threading.Thread(target=_serve, args=(own, there))
        thread.start()
        try:
            with trust.wrap_socket(here, server_hostname=name):
                return True
        except ssl.SSLCertVerificationError:
            return False
        finally:
            here.close()
            thread.join()


def _serve(own: ssl.SSLContext, there: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client hung up
        own.wrap_socket(there, server_side=True).close()


@pytest.mark.parametrize("name", NAMES)
def test_who_trusts_the_authority_trusts_the_server(tmp_path: Path, name: str) -> None:
    own = issue(tmp_path)
    assert greeted(own, name, own.authority)
    assert greeted(own, name, own.roots)


def test_a_server_is_trusted_under_its_names_only_and_by_nobody_else(tmp_path: Path) -> None:
    own = issue(tmp_path)
    assert not greeted(own, "example.test", own.authority)
    assert not greeted(own, "localhost", Path(certifi.where()))
    with issued() as other:
        assert not greeted(own, "localhost", other.authority)


def test_a_server_may_have_other_names(tmp_path: Path) -> None:
    own = issue(tmp_path, "results.example.test")
    assert greeted(own, "results.example.test", own.authority)
    assert not greeted(own, "localhost", own.authority)


def test_only_its_owner_reads_the_key_and_no_other_file_holds_one(tmp_path: Path) -> None:
    own = issue(tmp_path)
    assert stat.S_IMODE(own.key.stat().st_mode) == 0o600
    assert [path for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes()] == [own.key]


def test_certificates_for_a_block_are_deleted_after_it() -> None:
    with issued() as own:
        folder = own.key.parent
        assert {own.chain, own.key, own.authority, own.roots} == set(folder.iterdir())
    assert not folder.exists()


def test_the_paths_of_the_certificates_work_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = issue(Path("."))
    assert all(path.is_absolute() for path in (own.chain, own.key, own.authority, own.roots))


def test_the_usual_roots_stay_trusted_beside_the_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function calls both the embedded cloud and a provider's real API."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    roots = issue(tmp_path).roots.read_bytes()
    assert roots.startswith(Path(certifi.where()).read_bytes())
    assert roots.count(HEADER) == Path(certifi.where()).read_bytes().count(HEADER) + 1


def test_the_operators_own_roots_are_used_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with issued() as theirs:
        monkeypatch.setenv("SSL_CERT_FILE", str(theirs.authority))
        own = issue(tmp_path)
        assert greeted(theirs, "localhost", own.roots)
        assert greeted(own, "localhost", own.roots)
    assert own.roots.read_bytes().count(HEADER) == 2


def test_a_folder_of_roots_is_read_by_the_names_that_openssl_looks_for(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(b"first")
    (tmp_path / "0a1b2c3d.1").write_bytes(b"second")
    (tmp_path / "README").write_bytes(b"no certificate")
    assert usual_roots({"SSL_CERT_DIR": str(tmp_path)}) == b"first\nsecond"
    assert usual_roots({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}) == Path(certifi.where()).read_bytes()
