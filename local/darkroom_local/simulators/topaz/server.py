"""The simulator as a running server: routes to handlers, on a thread or blocking.

A stand-in for the Topaz Labs Image API as its vendor publishes it (OpenAPI 1.0.0 and the model
page https://developer.topazlabs.com/image-models/removal-and-cleanup/sharpen/lens-blur-2.md),
with later additions where the 1.0.0 page is silent. It speaks plain HTTP, binds to the loopback
address unless told otherwise, and must not import the application it stands in for.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from . import api_routes, result_routes
from .account import Account
from .control_routes import control_routes
from .errors import Refusal, Severed
from .faults import Fault, Faults, parse_fault
from .journal import Journal
from .world import Call, Settings, World, make_world

BASE_PATH = "/image/v1"
_START_LIMIT_SECONDS = 10.0
_SHUTDOWN_LIMIT_SECONDS = 1.0

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


async def _unknown(call: Call) -> web.StreamResponse:
    raise Refusal(404, "There is no such endpoint.")


_ROUTES: tuple[tuple[str, str, str, Handler], ...] = (
    ("POST", BASE_PATH + "/enhance/async", "submit", api_routes.submit_enhance),
    ("POST", BASE_PATH + "/enhance-gen/async", "submit", api_routes.submit_enhance_gen),
    ("POST", BASE_PATH + "/sharpen/async", "submit", api_routes.submit_sharpen),
    ("POST", BASE_PATH + "/enhance", "submit", api_routes.enhance_now),
    ("GET", BASE_PATH + "/status", "list", api_routes.status_all),
    ("DELETE", BASE_PATH + "/status", "delete", api_routes.delete_all),
    ("GET", BASE_PATH + "/status/{process_id}", "status", api_routes.status_one),
    ("DELETE", BASE_PATH + "/status/{process_id}", "delete", api_routes.delete_one),
    ("GET", BASE_PATH + "/download/{process_id}", "download", api_routes.download),
    ("POST", BASE_PATH + "/estimate", "estimate", api_routes.estimate),
    ("POST", BASE_PATH + "/estimate-gen", "estimate", api_routes.estimate_gen),
    ("DELETE", BASE_PATH + "/cancel/{process_id}", "cancel", api_routes.cancel),
    ("GET", "/account/v1/credits/balance", "account", api_routes.balance),
    ("GET", "/results/{name}", "result", result_routes.result),
    ("HEAD", "/results/{name}", "result", result_routes.result),
    ("*", "/{path:.*}", "unknown", _unknown),
)


def _bound(world: World, operation: str, handler: Handler) -> Callable[..., Any]:
    """A handler with journal, key check, faults and error answers around it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        entry = world.journal.open(request, operation, world.settings.api_key)
        call = Call(world, request, entry, operation)
        try:
            if operation != "result" and not entry["key_matched"]:
                raise Refusal(401)
            response = await call.leave(await handler(call))
        except Refusal as refusal:
            response = world.shapes.answer(refusal)
        except web.HTTPMovedPermanently as moved:
            response = web.Response(status=301, headers={"Location": str(moved.location)})
        except (Severed, ConnectionError):
            entry["aborted"] = True
            return web.Response(status=500)  # never sent: the connection is gone
        entry["status"] = response.status
        return response

    return answer


def _application(world: World) -> web.Application:
    application = web.Application()
    application.add_routes(control_routes(world))
    for method, path, operation, handler in _ROUTES:
        application.router.add_route(method, path, _bound(world, operation, handler))
    return application


class TopazSimulator:
    """A simulator on a thread of its own: `with TopazSimulator(api_key="k") as sim: ...`."""

    def __init__(
        self,
        api_key: str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        faults: Iterable[Fault | str] = (),
        **settings: Any,
    ) -> None:
        """Keyword arguments beyond these are fields of `Settings`."""
        rules = tuple(parse_fault(f) if isinstance(f, str) else f for f in faults)
        self.settings = Settings(api_key=api_key, faults=rules, **settings)
        if self.settings.speed <= 0:
            raise ValueError("speed is above zero")
        self.host, self.port = host, port
        self.faults = Faults()
        self.journal = Journal()
        self.account = Account(self.settings.available_credits)
        for rule in rules:
            self.faults.put(rule)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return self.origin + BASE_PATH

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
        self._thread = threading.Thread(
            target=self._serve_thread,
            args=(started,),
            name="topaz-simulator",
            daemon=True,
        )
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

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory(prefix="topaz-simulator-") as directory:
            world = make_world(self.settings, self.account, self.faults, self.journal, Path(directory))
            runner = web.AppRunner(
                _application(world),
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
                await world.jobs.close()


def serve(
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    api_key: str,
    speed: float = 1.0,
    faults: Iterable[Fault | str] = (),
    available_credits: int = 10_000,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` is given the base URL once the port is open."""
    simulator = TopazSimulator(
        api_key,
        port=port,
        host=host,
        faults=faults,
        speed=speed,
        available_credits=available_credits,
    )

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
