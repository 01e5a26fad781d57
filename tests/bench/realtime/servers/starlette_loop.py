"""Starlette on uvicorn and uvloop: a set of sockets and a loop of ``await send_text``."""

import contextlib
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

clients: set[WebSocket] = set()


async def client(socket: WebSocket) -> None:
    await socket.accept()
    clients.add(socket)
    try:
        while True:
            text = await socket.receive_text()
            for other in list(clients):
                with contextlib.suppress(RuntimeError):
                    await other.send_text(text)
    except WebSocketDisconnect:
        pass
    finally:
        clients.discard(socket)


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/", client)]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        ws_per_message_deflate=False,
        backlog=4096,
        log_level="warning",
    )
