"""A simulator as a running server: a vendor's routes to handlers, on a thread or blocking.

It speaks plain HTTP and binds to the loopback address unless told otherwise.
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
from darkroom_local.simulators.framework.exchange import Call
from darkroom_local.simulators.framework.fault_kinds import RESULT
from darkroom_local.simulators.framework.faults import Fault, Faults, Repertoire
from darkroom_local.simulators.framework.input_fetching import trust_in
from darkroom_local.simulators.framework.job_workers import Workshop
from darkroom_local.simulators.framework.refusals import Refusal, Severed
from darkroom_local.simulators.framework.request_journal import Journal, bearer_state
from darkroom_local.simulators.framework.result_files import result
from darkroom_local.simulators.framework.simulator_state import Settings, World

_START_LIMIT_SECONDS = 10.0
_SHUTDOWN_LIMIT_SECONDS = 1.0

AnyWorld = TypeVar("AnyWorld", bound=World)
AnySettings = TypeVar("AnySettings", bound=Settings)
Handler = Callable[[Call[AnyWorld]], Awaitable[web.StreamResponse]]
Route = tuple[str, str, str, Handler[AnyWorld]]  # method, path, operation, handler


async def _unknown(call: Call[World]) -> web.StreamResponse:
    raise Refusal(404, "There is no such endpoint.")


_SHARED_ROUTES: tuple[Route[World], ...] = (
    ("GET", "/results/{name}", RESULT, result),
    ("HEAD", "/results/{name}", RESULT, result),
    ("*", "/{path:.*}", "unknown", _unknown),
)


def _bound(world: AnyWorld, operation: str, handler: Handler[AnyWorld]) -> Callable[..., Any]:
    """A handler with journal, key check, faults and error answers around it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        entry = world.journal.open(request, operation)
        call = Call(world, request, entry, operation)
        try:
            if operation != RESULT:
                world.admit(entry)
            response = await call.leave(await handler(call))
        except Refusal as refusal:
            refusal.entry = entry
            response = world.render(refusal)
        except web.HTTPMovedPermanently as moved:
            response = web.Response(status=301, headers={"Location": str(moved.location)})
        except (Severed, ConnectionError):
            entry["aborted"] = True
            return web.Response(status=500)  # never sent: the connection is gone
        entry["status"] = response.status
        return response

    return answer


class Simulator(ABC, Generic[AnyWorld, AnySettings]):
    """A simulator on a thread of its own, for the length of a `with` block: `with XSimulator(api_key="k") as sim: ...`."""

    name: ClassVar[str]  # of the threads and of the folder
    base_path: ClassVar[str]
    repertoire: ClassVar[Repertoire]
    subject: ClassVar[str]  # the journal's field that says what a call is about
    notes: ClassVar[tuple[str, ...]]  # further fields of the journal
    settings_class: type[AnySettings]
    routes: Sequence[Route[AnyWorld]]  # the vendor's endpoints; results, control and what is unknown are added to them

    def __init__(
        self,
        api_key: str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        faults: Iterable[Fault | str] = (),
        **settings: Any,
    ) -> None:
        """Keyword arguments beyond these are fields of the vendor's `Settings`."""
        self.settings = self.settings_class(api_key=api_key, faults=self.repertoire.read(faults), **settings)
        self.host, self.port = host, port
        self.faults = Faults(self.repertoire)
        self.journal = Journal(self.key_state, self.subject, self.notes)
        self.account = Account(self.settings.available_credits)
        for rule in self.settings.faults:
            self.faults.put(rule)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @abstractmethod
    def make_world(self, workshop: Workshop) -> AnyWorld:
        """A fresh world that works in this workshop; called on the server's loop."""

    def key_state(self, request: web.Request) -> tuple[str | None, bool]:
        """Which header carried a key, and whether that is the right header with the right key."""
        return bearer_state(request, self.settings.api_key)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return self.origin + self.base_path

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first."""
        return self.journal.requests()

    @property
    def submits(self) -> list[dict[str, Any]]:
        """Every accepted paid submit so far, oldest first."""
        return self.journal.submits()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve_thread, args=(started,), name=self.name, daemon=True)
        self._thread.start()
        if not started.wait(_START_LIMIT_SECONDS):
            raise TimeoutError("the simulator did not start")
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
        """Serve until stopped."""
        self._loop = asyncio.get_running_loop()
        async with self._listening():
            on_ready()
            await self._stop.wait()

    def stop(self) -> None:
        """Ask the running server to end; to be called on its own loop."""
        self._stop.set()

    @classmethod
    def serve(cls, *, on_ready: Callable[[str], None] | None = None, **options: Any) -> None:
        """Serve, blocking, until SIGTERM or SIGINT; `on_ready` is given the base URL once the port is open."""
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
            workshop = Workshop(self.name, Path(directory), trust_in(self.settings.authorities))
            world = self.make_world(workshop)
            runner = web.AppRunner(
                self._application(world),
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
                await workshop.close()

    def _application(self, world: AnyWorld) -> web.Application:
        application = web.Application()
        application.add_routes(control_routes(world))
        for method, path, operation, handler in (*self.routes, *_SHARED_ROUTES):
            application.router.add_route(method, path, _bound(world, operation, handler))
        return application
