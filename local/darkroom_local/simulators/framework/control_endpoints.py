"""Control endpoints under /_simulator, for tests and tools in another process.

They read the journal, set faults and set the account. They want no key, never show up in the
journal, and are no part of the vendor's API: an application must not call them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.simulator_state import World

ControlHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_routes(world: World) -> list[web.RouteDef]:
    """The routes, bound to a world."""
    control = _Control(world)
    return [
        web.get("/_simulator/requests", control.requests),
        web.get("/_simulator/submits", control.submits),
        web.delete("/_simulator/requests", control.forget),
        web.get("/_simulator/faults", control.faults),
        web.post("/_simulator/faults", control.add_fault),
        web.delete("/_simulator/faults", control.clear_faults),
        web.get("/_simulator/account", control.account),
        web.post("/_simulator/account", control.set_account),
    ]


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    async def requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.journal.requests())

    async def submits(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.journal.submits())

    async def forget(self, request: web.Request) -> web.Response:
        self._world.journal.clear()
        return web.Response(status=204)

    async def faults(self, request: web.Request) -> web.Response:
        kinds = {
            name: {
                "meaning": kind.meaning,
                "on": kind.operations,
                "options": dict(kind.options),
            }
            for name, kind in self._world.faults.repertoire.kinds.items()
        }
        return web.json_response({"active": self._world.faults.remaining(), "kinds": kinds})

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            wish = await _object(request)
            fault = self._world.faults.repertoire.make(
                str(wish.pop("kind", "")),
                wish.pop("times", 1),
                wish.pop("on", None),
                wish.pop("match", None),
                wish,
            )
        except (ValueError, TypeError) as error:
            return web.json_response({"code": 400, "message": str(error)}, status=400)
        self._world.faults.put(fault)
        return web.json_response({"active": self._world.faults.remaining()}, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.Response(status=204)

    async def account(self, request: web.Request) -> web.Response:
        account = self._world.account
        body = {**account.balance(), "consumed_credits": account.consumed_credits}
        return web.json_response(body)

    async def set_account(self, request: web.Request) -> web.Response:
        try:
            self._world.account.set_available(int((await _object(request))["available_credits"]))
        except (ValueError, TypeError, KeyError) as error:
            message = f"available_credits is needed: {error}"
            return web.json_response({"code": 400, "message": message}, status=400)
        return await self.account(request)


async def _object(request: web.Request) -> dict[str, Any]:
    body = json.loads(await request.text())
    if not isinstance(body, dict):
        raise TypeError("a JSON object is expected")
    return body
