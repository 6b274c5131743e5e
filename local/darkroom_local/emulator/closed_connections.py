"""Lets the embedded cloud forget a connection as soon as its client has closed it.

hypercorn 0.18.0 keeps a closed connection for as long as an idle one, with the buffers of its TLS. They have the size of the
largest picture that went through it. Each picture takes about two connections.
"""

from __future__ import annotations

from typing import Any

from darkroom_local.emulator.version import require


def forget() -> None:
    """Change hypercorn's server. Call this once, before the cloud serves. Raises EmulatorChanged."""
    from hypercorn.asyncio import tcp_server

    connection: Any = tcp_server.TCPServer
    require(connection, {"_read_data": "self", "_idle_timeout": "self"})
    read_data = connection._read_data

    async def read_and_stop_waiting(server: Any) -> None:
        await read_data(server)
        await server.idle_task.stop()

    connection._read_data = read_and_stop_waiting
