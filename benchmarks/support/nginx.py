"""Runs two nginx servers with TLS on free loopback ports: a source of files, and a sink that answers like S3.

The sink reads the body of every request to its end, drops it and then answers. It checks nothing.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darkroom_local.machine.certificates import issue

MISSING = (
    "nginx is not installed. These measurements need it as a server with TLS. Install it:\n"
    "  Debian, Ubuntu: apt-get install nginx-light   Fedora: dnf install nginx   macOS: brew install nginx"
)
STARTED_WITHIN_SECONDS = 10
BLOCK_BYTES = 8 * 1024 * 1024
HELD_TO = 8  # the speed limit of each connection under /held/, in MiB/s
PROCESS = "11111111-2222-4333-8444-555555555555"  # the process id in the sink's answer to a POST that is not for S3
CONFIGURATION = """
worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000; default_type application/octet-stream;
  client_max_body_size 0; client_body_buffer_size 256k;
  client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_certificate {own.chain}; ssl_certificate_key {own.key};
  map $request_method:$args $answer {{
    default '{{"process_id": "{process}", "length": "$http_x_length", "framing": "$http_x_framing"}}';
    ~^POST:.*uploads '<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
    ~^POST:.*uploadId '<?xml version="1.0"?><CompleteMultipartUploadResult><ETag>"0-1"</ETag></CompleteMultipartUploadResult>';
    ~^PUT '';
  }}
  map $request_method:$args $completes {{ # with 200, nginx would answer 304 to If-None-Match: *
    default ''; ~^POST:.*uploadId 1;
  }}
  server {{
    listen 127.0.0.1:{source} ssl; root {folder}/files; rewrite ^/bucket/(.*)$ /$1;
    location /held/ {{ limit_rate {held}m; }}
  }}
  server {{
    listen 127.0.0.1:{sink} ssl;
    location / {{
      proxy_pass http://127.0.0.1:{inner}; proxy_pass_request_body off; proxy_http_version 1.1;
      proxy_set_header Content-Length ""; proxy_set_header Expect ""; proxy_set_header Connection "";
      proxy_set_header X-Length $http_content_length; proxy_set_header X-Framing $http_transfer_encoding;
    }}
  }}
  server {{
    listen 127.0.0.1:{inner}; default_type application/json; add_header ETag '"00000000000000000000000000000000"' always;
    location / {{ if ($completes) {{ return 201 $answer; }} return 200 $answer; }}
  }}
}}
"""


@dataclass(frozen=True)
class Servers:
    """The URLs of the source and the sink. `authority` is the file with the certificate that clients must trust."""

    source: str
    sink: str
    authority: Path

    def context(self) -> ssl.SSLContext:
        """Return a TLS context that trusts the servers."""
        return ssl.create_default_context(cafile=str(self.authority))


@contextmanager
def servers(sizes: Sequence[int]) -> Iterator[Servers]:
    """Run the source and the sink for the length of a block.

    The path `/<size in bytes>` of the source is a file of that size. `/held/<size>` is the same file, but each connection is
    limited to HELD_TO MiB/s. Raises SystemExit with a message that says what to install if nginx is missing.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    if program is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-", dir=_roomy()) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the workers of nginx may run as another user
        _write_files(folder / "files", sizes)
        own = issue(folder)
        source, sink, inner = _free_ports(3)
        ports = {"source": source, "sink": sink, "inner": inner}
        text = CONFIGURATION.format(folder=folder, own=own, **ports, held=HELD_TO, process=PROCESS)
        (folder / "nginx.conf").write_text(text)
        running = subprocess.Popen([program, "-p", name, "-e", f"{name}/error.log", "-c", f"{name}/nginx.conf"])
        try:
            _await(running, folder, source, sink)
            urls = (f"https://localhost:{port}" for port in (source, sink))
            yield Servers(*urls, own.authority)
        finally:
            running.terminate()
            running.wait()


def _roomy() -> str | None:
    """Return a folder in memory if there is one, because no benchmark here measures the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _write_files(folder: Path, sizes: Sequence[int]) -> None:
    (folder / "held").mkdir(parents=True)
    block = bytes(range(256)) * (BLOCK_BYTES // 256)
    for size in sizes:
        with (folder / str(size)).open("wb") as file:
            for at in range(0, size, BLOCK_BYTES):
                file.write(block[: min(BLOCK_BYTES, size - at)])
        (folder / "held" / str(size)).symlink_to(folder / str(size))


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def _await(running: subprocess.Popen[bytes], folder: Path, *ports: int) -> None:
    until = time.monotonic() + STARTED_WITHIN_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if running.poll() is not None or time.monotonic() > until:
                    log = folder / "error.log"
                    said = log.read_text() if log.exists() else "nothing"
                    raise SystemExit(f"nginx did not start; it said: {said}") from None
                time.sleep(0.02)
