"""The server of a simulator. It serves the routes of a vendor, either on its own thread or in the foreground.

It speaks plain HTTP and listens on the loopback address by default.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from aiohttp import web

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.control_endpoints import control_routes
from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.fault_kinds import RESULT
from darkroom_local.simulators.framework.faults import Fault, Faults, SupportedFaults
from darkroom_local.simulators.framework.input_fetching import tls_trust
from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.refusals import ConnectionCut, Refusal
from darkroom_local.simulators.framework.request_journal import RequestJournal, check_bearer_key
from darkroom_local.simulators.framework.result_files import result
from darkroom_local.simulators.framework.simulator_state import SimulatorSettings, SimulatorState

_START_LIMIT_SECONDS = 60.0
_SHUTDOWN_LIMIT_SECONDS = 1.0

AnyState = TypeVar("AnyState", bound=SimulatorState)
AnySettings = TypeVar("AnySettings", bound=SimulatorSettings)
Handler = Callable[[Exchange[AnyState]], Awaitable[web.StreamResponse]]
Route = tuple[str, str, str, Handler[AnyState]]  # method, path, operation, handler


async def _unknown(exchange: Exchange[SimulatorState]) -> web.StreamResponse:
    raise Refusal(404, "There is no such endpoint.")


_SHARED_ROUTES: tuple[Route[SimulatorState], ...] = (
    ("GET", "/results/{name}", RESULT, result),
    ("HEAD", "/results/{name}", RESULT, result),
    ("*", "/{path:.*}", "unknown", _unknown),
)


def _bound(state: AnyState, operation: str, handler: Handler[AnyState]) -> Callable[..., Any]:
    """Wrap a handler. The wrapper opens a journal entry, checks the key, applies faults and turns refusals into answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        entry = state.journal.open_entry(request, operation)
        exchange = Exchange(state, request, entry, operation)
        try:
            if operation != RESULT:
                state.admit(entry)
            response = await exchange.finish(await handler(exchange))
        except Refusal as refusal:
            refusal.entry = entry
            response = state.render(refusal)
        except web.HTTPMovedPermanently as moved:
            response = web.Response(status=301, headers={"Location": str(moved.location)})
        except (ConnectionCut, ConnectionError):
            entry["aborted"] = True
            return web.Response(status=500)  # never sent: the connection is gone
        entry["status"] = response.status
        return response

    return answer


class Simulator(ABC, Generic[AnyState, AnySettings]):
    """A simulator that runs on its own thread inside a `with` block, as in `with XSimulator(api_key="k") as sim:`."""

    name: ClassVar[str]  # is part of the names of the threads and the folder
    base_path: ClassVar[str]
    supported_faults: ClassVar[SupportedFaults]
    subject_field: ClassVar[str]  # the journal's field for the name or URL of the request's picture
    id_fields: ClassVar[tuple[str, ...]]  # further fields of the journal for the ids that the vendor gives
    settings_class: type[AnySettings]
    # The vendor's endpoints. The server adds those for results and control, and answers 404 for all other paths.
    routes: Sequence[Route[AnyState]]

    def __init__(
        self,
        api_key: str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        faults: Iterable[Fault | str] = (),
        **settings: Any,
    ) -> None:
        """Prepare the simulator. The port 0 means any free port. `settings` are fields of the vendor's settings class."""
        self.settings = self.settings_class(api_key=api_key, faults=self.supported_faults.read(faults), **settings)
        self.host, self.port = host, port
        self.faults = Faults(self.supported_faults)
        self.journal = RequestJournal(self.check_key, self.subject_field, self.id_fields)
        self.account = Account(self.settings.available_credits)
        for rule in self.settings.faults:
            self.faults.put(rule)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @abstractmethod
    def make_state(self, workers: JobWorkers) -> AnyState:
        """Return a new state object that uses these workers. The server calls this on its event loop."""

    def check_key(self, request: web.Request) -> tuple[str | None, bool]:
        """Return the name of the header that carried a key (None if no header did), and whether header and key are right."""
        return check_bearer_key(request, self.settings.api_key)

    @property
    def origin(self) -> str:
        """Return the scheme, host and port of the server, as the start of a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Return the base URL that a client must be configured with."""
        return self.origin + self.base_path

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Return every request so far, oldest first."""
        return self.journal.requests()

    @property
    def submits(self) -> list[dict[str, Any]]:
        """Return every paid submit that was accepted so far, oldest first."""
        return self.journal.submits()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve_thread, args=(started,), name=self.name, daemon=True)
        self._thread.start()
        if not started.wait(_START_LIMIT_SECONDS):
            raise TimeoutError(f"the simulator did not start within {_START_LIMIT_SECONDS:g} s")
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _serve_thread(self, started: threading.Event) -> None:
        try:
            asyncio.run(self.run(started.set))
        except (OSError, RuntimeError) as error:
            self._failure = error
        finally:
            started.set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until `stop` is called. `on_ready` is called once the port is open."""
        self._loop = asyncio.get_running_loop()
        async with self._listening():
            on_ready()
            await self._stop.wait()

    def stop(self) -> None:
        """Ask the running server to end. Call it on the server's own event loop."""
        self._stop.set()

    @classmethod
    def serve(cls, *, on_ready: Callable[[str], None] | None = None, **options: Any) -> None:
        """Serve in the foreground until SIGTERM or SIGINT arrives. `on_ready` gets the base URL once the port is open."""
        simulator = cls(**options)

        def ready() -> None:
            if on_ready is not None:
                on_ready(simulator.base_url)

        async def until_signalled() -> None:
            loop = asyncio.get_running_loop()
            for name in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                    loop.add_signal_handler(name, simulator.stop)
            await simulator.run(ready)

        asyncio.run(until_signalled())

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as directory:
            workers = JobWorkers(self.name, Path(directory), tls_trust(self.settings.authorities))
            state = self.make_state(workers)
            runner = web.AppRunner(
                self._application(state),
                access_log=None,
                shutdown_timeout=_SHUTDOWN_LIMIT_SECONDS,
            )
            await runner.setup()
            try:
                await web.TCPSite(runner, self.host, self.port).start()
                self.port = runner.addresses[0][1]
                yield
            finally:
                await runner.cleanup()
                await workers.close()

    def _application(self, state: AnyState) -> web.Application:
        application = web.Application()
        application.add_routes(control_routes(state))
        for method, path, operation, handler in (*self.routes, *_SHARED_ROUTES):
            application.router.add_route(method, path, _bound(state, operation, handler))
        return application
