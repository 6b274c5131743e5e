"""Control endpoints under /_simulator, for tests and tools that run in another process than the simulator.

They read the journal, inject faults and set the credits of the account. They need no key and leave no entry in the
journal. They are not part of the vendor's API, so an application must not call them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.simulator_state import SimulatorState

ControlHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_routes(state: SimulatorState) -> list[web.RouteDef]:
    """Return the control routes. They read and change the state that is given here."""
    control = _ControlEndpoints(state)
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


class _ControlEndpoints:
    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    async def requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.journal.requests())

    async def submits(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.journal.submits())

    async def forget(self, request: web.Request) -> web.Response:
        self._state.journal.clear()
        return web.Response(status=204)

    async def faults(self, request: web.Request) -> web.Response:
        kinds = {
            name: {
                "meaning": kind.meaning,
                "on": kind.operations,
                "options": dict(kind.options),
            }
            for name, kind in self._state.faults.supported_faults.kinds.items()
        }
        return web.json_response({"active": self._state.faults.remaining(), "kinds": kinds})

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            body = await _json_object(request)
            fault = self._state.faults.supported_faults.make(
                str(body.pop("kind", "")),
                body.pop("times", 1),
                body.pop("on", None),
                body.pop("match", None),
                body,
            )
        except (ValueError, TypeError) as error:
            return web.json_response({"code": 400, "message": str(error)}, status=400)
        self._state.faults.put(fault)
        return web.json_response({"active": self._state.faults.remaining()}, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._state.faults.clear()
        return web.Response(status=204)

    async def account(self, request: web.Request) -> web.Response:
        account = self._state.account
        body = {**account.balance(), "consumed_credits": account.consumed_credits}
        return web.json_response(body)

    async def set_account(self, request: web.Request) -> web.Response:
        try:
            self._state.account.set_available(int((await _json_object(request))["available_credits"]))
        except (ValueError, TypeError, KeyError) as error:
            message = f"The body must be a JSON object with a whole number `available_credits`: {error}"
            return web.json_response({"code": 400, "message": message}, status=400)
        return await self.account(request)


async def _json_object(request: web.Request) -> dict[str, Any]:
    body = json.loads(await request.text())
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body
