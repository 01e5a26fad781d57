"""The floor of TLS in one Python process: uvloop, one ready frame, ``transport.write`` to each.

``python tls_write.py PORT CERTIFICATE KEY``. Understands what load.c says and no more: one message of 126 to
65,535 bytes at a time, masked with zeros.
"""

import asyncio
import ssl
import sys
from typing import cast

import uvloop

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
writers: dict["Client", asyncio.Transport] = {}


class Client(asyncio.Protocol):
    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self not in writers:
            writers[self] = self.transport
            self.transport.write(ACCEPTED)
            return
        frame = b"\x81\x7e" + data[2:4] + data[8:]
        for transport in writers.values():
            transport.write(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        writers.pop(self, None)


async def main(port: int, certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", port, ssl=context, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
