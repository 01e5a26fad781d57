"""Webhooks: where this node sends events by itself (docs/protocol/tap.md section 8)."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from server.api.resources.session import Done, Label
from server.api.route import Body, Call, NoQuery, Query
from server.app.feed import Filter
from server.app.naming import Names
from server.app.webhook_steps import Outcome, Verdict, said, verdict
from server.app.webhook_store import Dead, Mode
from server.app.webhooks import Made, Seen, Wish
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.storage.queries.shapes import Shape


class NewWebhook(Body, frozen=True, kw_only=True):
    """``start``: with the first event of the log, or with the next one. ``names``: whom the receiver reads about."""

    url: Annotated[str, Meta(min_length=1, max_length=limits.WEBHOOK_URL_CHARS_MAX)]
    label: Label = ""
    mode: Mode = "structured"
    filter: Filter = Filter()
    names: Names = "pseudonyms"
    start: Literal["now", "beginning"] = "now"


class MadeWebhook(Shape, frozen=True, kw_only=True):
    """``secret`` signs what is sent; shown this once."""

    webhook: str
    secret: str


class WebhookView(Shape, frozen=True, kw_only=True):
    """``state``: active, failing (its receiver does not take anything, all waits), paused (until resumed).
    ``behind``: positions of the log it has not dealt with. ``next_at``: of the next attempt. ``rate``: requests a
    minute its receiver allows, 0 for any. ``by``: who made it; empty for the node's operator."""

    webhook: str
    label: str
    url: str
    mode: Mode
    filter: Filter
    names: Names
    state: Literal["active", "failing", "paused"]
    reason: str
    position: int
    behind: int
    dead: int
    failures: int
    failing_since: int
    next_at: int
    rate: int
    by: str
    at: int


class WebhooksPage(Shape, frozen=True, kw_only=True):
    webhooks: tuple[WebhookView, ...]


class Attempt(Shape, frozen=True, kw_only=True):
    """What a receiver made of one request; ``said`` in words."""

    delivered: bool
    said: str


class Resumption(Body, frozen=True, kw_only=True):
    """``skip``: the event it stands at becomes a dead letter."""

    skip: bool = False


class DeadQuery(Query, frozen=True, kw_only=True):
    """``after``: the last position seen."""

    after: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class DeadLetter(Shape, frozen=True, kw_only=True):
    """An event that the receiver would not have; ``at``: when it was last tried."""

    position: int
    event: str
    type: str
    error: str
    attempts: int
    at: int


class DeadPage(Shape, frozen=True, kw_only=True):
    """In the order of the log; ``next``: ``after`` of the next page, null on the last."""

    dead: tuple[DeadLetter, ...]
    next: int | None


async def many(call: Call[NoQuery, None]) -> WebhooksPage:
    seen = await call.services.webhooks.seen()
    return WebhooksPage(webhooks=tuple([_view(one) for one in seen]))


async def add(call: Call[NoQuery, NewWebhook]) -> MadeWebhook | Refusal:
    """The receiver is asked first (OPTIONS), and has to say that it wants this."""
    wish = call.body
    _check(wish.url)
    made = await call.services.webhooks.add(
        Wish(
            url=wish.url,
            label=wish.label,
            mode=wish.mode,
            filter=wish.filter,
            names=wish.names,
            beginning=wish.start == "beginning",
        ),
        call.identity.person if call.identity else "",
    )
    return _made(made)


async def remove(call: Call[NoQuery, None]) -> Done | Refusal:
    """Its dead letters go with it."""
    return await call.services.webhooks.remove(call.path["webhook"]) or Done()


async def test(call: Call[NoQuery, None]) -> Attempt | Refusal:
    """Sends an event of the type company.tap.webhook.tested, and says what came of it."""
    return _attempt(await call.services.webhooks.test(call.path["webhook"]))


async def resume(call: Call[NoQuery, Resumption]) -> Done | Refusal:
    """Tries again at once, from where it stands."""
    webhook, skip = call.path["webhook"], call.body.skip
    return await call.services.webhooks.resume(webhook, skip=skip) or Done()


async def rotate(call: Call[NoQuery, None]) -> MadeWebhook | Refusal:
    """A new secret; for a day both sign."""
    return _made(await call.services.webhooks.rotate(call.path["webhook"]))


async def dead(call: Call[DeadQuery, None]) -> DeadPage | Refusal:
    found = await call.services.webhooks.dead(call.path["webhook"], call.query.after)
    if isinstance(found, Refusal):
        return found
    more = len(found) == limits.PAGE_ITEMS_MAX
    return DeadPage(
        dead=tuple([_letter(one) for one in found]), next=found[-1].position if more else None
    )


async def retry(call: Call[NoQuery, None]) -> Attempt | Refusal:
    """Sends one dead letter again, as the log has the event by now."""
    position = int(call.path["position"])
    return _attempt(await call.services.webhooks.retry(call.path["webhook"], position))


def _check(url: str) -> None:
    """Raises Refused(bad_value). Which addresses may be asked is judged when they are."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    else:
        sound = sound and parts.username is None and not parts.fragment and url.isascii()
    if not sound:
        raise Refused(Code.BAD_VALUE, "this is no https address, or it holds a password", "url")


def _made(made: Made | Refusal) -> MadeWebhook | Refusal:
    if isinstance(made, Refusal):
        return made
    return MadeWebhook(webhook=made.webhook, secret=made.secret)


def _attempt(outcome: Outcome | Refusal) -> Attempt | Refusal:
    if isinstance(outcome, Refusal):
        return outcome
    return Attempt(delivered=verdict(outcome) is Verdict.DELIVERED, said=said(outcome))


def _view(seen: Seen) -> WebhookView:
    hook, place = seen.hook, seen.place
    return WebhookView(
        webhook=hook.webhook,
        label=hook.label,
        url=hook.url,
        mode=hook.mode,
        filter=hook.filter,
        names=hook.names,
        state=place.state.value,
        reason=place.reason,
        position=place.position,
        behind=seen.behind,
        dead=seen.dead,
        failures=place.failures,
        failing_since=place.failing_since,
        next_at=place.next_at,
        rate=hook.rate,
        by=hook.person,
        at=hook.at,
    )


def _letter(dead: Dead) -> DeadLetter:
    return DeadLetter(**dead._asdict())
