"""µWebSockets, by its Python binding socketify: all subscribe to one topic, what any client says is published.

The fan-out itself is in C++; Python is called once a message. ``python uwebsockets_publish.py PORT PACKAGES``.
"""

import sys
from typing import Any

sys.path.insert(0, sys.argv[2])
from socketify import App, AppListenOptions, OpCode

ALL = "all"
app = App()


def come(socket: Any) -> None:
    socket.subscribe(ALL)


def say(socket: Any, message: str, opcode: OpCode) -> None:
    app.publish(ALL, message, opcode)


app.ws("/*", {"open": come, "message": say, "max_backpressure": 64 * 1024 * 1024})
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
app.loop.uv_loop.run()  # app.run() would turn asyncio's loop in between, without a rest
