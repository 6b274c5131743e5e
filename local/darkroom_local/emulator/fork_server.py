"""The program of the process from which the workers of functions are forked. It has loaded what each of them loads first.

`python -m darkroom_local.emulator.fork_server DESCRIPTOR FOLDER…` takes orders from the socket with that descriptor, until its
other end is closed. Each FOLDER is a site folder of a layer. An order is four descriptors: a worker's standard input, output and
error, and a pipe that nothing is written to. The end of that pipe shows that the worker has ended. The answer is the worker's
process id. The first line of a worker's input is JSON with its `program`, `folder` (the current one) and `environment`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import site
import socket
import struct
import sys
import traceback
from pathlib import Path

READY = b"\0"
PROCESS_ID = struct.Struct("=q")
DESCRIPTORS = 4
_MODULES = (
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.typing",
    "botocore.session",
    "botocore.signers",
    "encodings.idna",
    "httpcore",  # httpx imports it when the first client is made
    "httpx",
    "importlib.resources.readers",
)
_RUNTIME = "darkroom"  # the package of the layer; none of its modules reads the environment or makes a client on import
# Reading the models of these services takes as long as loading all modules.
_SERVICES = ("dynamodb", "events", "lambda", "s3", "secretsmanager", "sqs", "stepfunctions", "sts")


def serve(orders: socket.socket) -> None:
    """Fork a worker for each order, until the other end of the socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for a worker's exit code
    orders.sendall(READY)
    while True:
        _, given, _, _ = socket.recv_fds(orders, 1, DESCRIPTORS)
        if not given:
            return
        pid = os.fork()
        if not pid:
            orders.close()
            _become_worker(given)
        for descriptor in given:
            os.close(descriptor)
        orders.sendall(PROCESS_ID.pack(pid))


def load() -> None:
    """Load the modules, and the models of AWS services. They are shared by all sessions of botocore in the workers."""
    gc.disable()
    import botocore.session

    for name in _MODULES:
        importlib.import_module(name)
    _load_runtime()
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    session = botocore.session.get_session()
    for service in _SERVICES:
        session.create_client(service, "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
    gc.freeze()  # otherwise each worker would copy what it only reads
    gc.enable()


def _load_runtime() -> None:
    """Load the runtime's modules and catalogs. One that cannot be loaded is left to the worker that needs it, which tells why."""
    with contextlib.suppress(ImportError):
        runtime = importlib.import_module(_RUNTIME)
        for module in pkgutil.walk_packages(runtime.__path__, f"{_RUNTIME}.", onerror=lambda _: None):
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)
        with contextlib.suppress(Exception):
            catalog = importlib.import_module(f"{_RUNTIME}.catalog")
            for provider in catalog.providers():
                catalog.load(provider)


def _become_worker(streams: list[int]) -> None:
    """Run a worker's program in this process, and end the process. The fourth stream stays open until then."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(streams[:3]):
            os.dup2(descriptor, number)
            os.close(descriptor)
        order = json.loads(sys.stdin.readline())
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        sys.argv, sys.path[0] = [order["program"]], str(Path(order["program"]).parent)
        runpy.run_path(order["program"], run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for folder in sys.argv[2:]:
        site.addsitedir(folder)
    load()
    serve(socket.socket(fileno=int(sys.argv[1])))
