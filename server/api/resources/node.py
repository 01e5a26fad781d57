"""Is the node alive, ready, how is it: for load balancers, Prometheus and colleagues in the region's IT."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from server import __version__
from server.api.route import Call, NoQuery
from server.domain.errors import Code, Refusal
from server.storage.queries.shapes import Shape


class Alive(Shape, frozen=True, kw_only=True):
    ok: bool = True


class NodeView(Shape, frozen=True, kw_only=True):
    """``peers``: region, state and round trip of each link; the operator's own view has the rest."""

    region: str
    name: str
    epoch: str
    """In hexadecimal, as in cursors."""
    position: int
    version: str
    public_key: str
    """What other regions pin, in base64: whoever shows another one is not this region."""
    read_only: str
    """Why nothing can be written; empty while all is well."""
    peers: tuple[dict[str, Any], ...]


async def alive(call: Call[NoQuery, None]) -> Alive:
    """The loop answers; nothing else is looked at, so that a busy disk does not restart the node."""
    return Alive()


async def ready(call: Call[NoQuery, None]) -> Alive | Refusal:
    """New clients are welcome: not draining, not hidden after a restore, writable, and the database answers."""
    if call.services.stopping():
        return Refusal(Code.STOPPING, "this node is stopping")
    if hidden := call.services.hidden():
        return hidden
    if reason := call.services.handler.read_only:
        return Refusal(Code.READ_ONLY, f"this node is read-only: {reason}")
    async with call.services.reader.snapshot() as snapshot:
        await snapshot.position()
    return Alive()


async def measurements(call: Call[NoQuery, None]) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def node(call: Call[NoQuery, None]) -> NodeView:
    services = call.services
    return NodeView(
        region=services.region,
        name=services.name,
        epoch=f"{services.tap.epoch:x}",
        position=services.tap.position,
        version=__version__,
        public_key=services.public_key(),
        read_only=services.handler.read_only,
        peers=tuple([dict(peer) for peer in services.links()]),
    )
