"""A record of the tap as a CloudEvents 1.0 event; a pure function of the record and of who gets it.

docs/protocol/tap.md section 4 is the specification, docs/protocol/tap.schema.json its schema, and
tests/vectors/tap its examples. Attribute rules: CloudEvents 1.0.2 sections 2 and 3, its JSON format and its
HTTP binding.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from server.app import naming
from server.app.naming import ALL, View
from server.domain import events as e
from server.domain.ids import Cursor
from server.storage.event_log import Record

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"
TYPE_PREFIX = "company.tap."

SUBJECT: dict[type[e.Event], str] = {
    e.PersonRegistered: "person",
    e.PersonProfileChanged: "person",
    e.PersonStatusChanged: "person",
    e.PersonRoleChanged: "person",
    e.PersonHandedOver: "person",
    e.PersonReleased: "person",
    e.PersonTakenOver: "person",
    e.CommunityCreated: "community",
    e.CommunityChanged: "community",
    e.MembershipChanged: "community",
    e.CommunityRoleChanged: "community",
    e.ConversationStarted: "conversation",
    e.ConversationChanged: "conversation",
    e.ReadMarked: "channel",
    e.PostPublished: "post",
    e.ReplyPublished: "post",
    e.PostEdited: "post",
    e.PostDeleted: "post",
    e.ErasureRequested: "target",
    e.ErasureCompleted: "request",
    e.ReactionChanged: "target",
    e.AnswerAccepted: "question",
    e.VerificationChanged: "target",
    e.CitationChanged: "cited",
    e.VoteImported: "target",
    e.FollowChanged: "target",
    e.AnnouncementAcknowledged: "post",
    e.IdeaStageChanged: "post",
    e.BallotCast: "poll",
    e.BallotKept: "poll",
    e.PollClosing: "poll",
    e.PollRegionClosed: "poll",
    e.PollTallied: "poll",
    e.PollClosed: "poll",
    e.PollChecked: "poll",
    e.TopicDefined: "topic",
    e.FlagRaised: "target",
    e.FlagResolved: "target",
    e.ModerationActed: "target",
    e.HiddenAtHome: "target",
    e.StandingPublished: "person",
    e.ScoringPolicyChanged: "region",
    e.ScoringChoiceChanged: "person",
    e.ScoringHistoryErased: "person",
    e.ScoringRootPublished: "region",
    e.CaseOpened: "case",
    e.CaseDecided: "case",
    e.CreditsRuled: "case",
    e.KeyRotated: "key_id",
    e.ResidencyChanged: "region",
    e.KeyRetired: "key_id",
}
"""The field that says what an event is about. An opened epoch and a closed log are about the region itself, a
roster about the company: none."""

UNNAMED: frozenset[type[e.Event]] = frozenset(
    {e.FlagRaised, e.ReadMarked, e.CaseOpened, e.CaseDecided}
)
"""Whoever reports something, reads, disputes or decides is not named to other systems."""

CloudEvent = dict[str, Any]
"""An event in CloudEvents's JSON format, not yet encoded."""

_json = msgspec.json.Encoder()


def cloud_event(record: Record, epoch: int, view: View = ALL) -> CloudEvent:
    """The event as a JSON map. ``epoch``: of the node whose tap is read, for the cursor; ``view``: what its
    reader may know of people.

    ``id`` and ``source`` are those of the event itself: the same on every node that shows it."""
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(record.id),
        "source": f"/regions/{record.id.region}",
        "type": TYPE_PREFIX + record.type,
        "time": rfc3339(record.at),
        # CloudEvents integers end at 2**31; a busy log does not.
        "tapposition": str(record.position),
        "tapcursor": str(Cursor(epoch, record.position)),
        "taplane": record.id.lane,
    }
    if type(record.event) not in UNNAMED and (actor := view.person(record.actor)):
        found["tapactor"] = actor
    return found | _content(record.actor, record.event, view)


def _content(actor: str, event: e.Event | None, view: View) -> dict[str, Any]:
    """Subject and data; neither for a body that was erased or whose type is unknown here.

    What this version cannot read it cannot judge, so it does not pass it on (section 6)."""
    if event is None or isinstance(event, e.ReadMarked):
        return {}
    field, data = SUBJECT.get(type(event)), data_of(event)
    if naming.hides(view, actor, event):
        naming.mask(view, event, data)
    subject = naming.subject_of(view, event, field) if field else ""
    found: dict[str, Any] = {"subject": subject} if subject else {}
    return found | {"datacontenttype": "application/json", "data": data}


def data_of(event: e.Event) -> dict[str, Any]:
    """The body's fields, defaults left out, bytes as base64, without thumbnails and without what is nobody else's business:
    a secret ballot's choices, a region's part of a secret tally (I11), the words of direct messages, and
    what one home tells another."""
    data: dict[str, Any] = msgspec.to_builtins(event, str_keys=True)
    withheld: tuple[str, ...] = ()
    match event:
        case e.BallotCast(secret=True):
            withheld = ("choices",)
        case e.PollTallied():
            withheld = ("voters", "counts", "pairs")
        case (
            e.PostPublished(place=place) | e.ReplyPublished(place=place) | e.PostEdited(place=place)
        ):
            withheld = WORDS if place.startswith("d:") else ()
        case e.PersonReleased():
            withheld = ("keys",)
        case e.CaseOpened():
            withheld = ("parties", "reason", "person", "line", "content", "flows", "received")
        case e.CaseDecided():
            withheld = ("parties", "reason", "by")
        case e.ConversationStarted() | e.ConversationChanged():
            withheld = ("title",)
    for name in withheld:
        data.pop(name, None)
    for file in data.get("attachments", ()):
        file.pop("thumbnail", None)
    return data


WORDS = ("text", "title", "topics", "mentions", "reason", "attachments")
"""What a direct message says."""


def rfc3339(milliseconds: int) -> str:
    """``2026-01-01T00:00:00.123Z``: UTC, always with three digits."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


def encode(event: CloudEvent | Sequence[CloudEvent]) -> bytes:
    """As JSON without a line break: of one event a line of the stream, or a body of ``MEDIA_TYPE``; of several a
    body of ``BATCH_MEDIA_TYPE``, an empty array when nothing is new."""
    return _json.encode(event)


class Message(NamedTuple):
    """A body over HTTP and the headers that go with it, ``Content-Type`` among them."""

    headers: dict[str, str]
    body: bytes


def structured(event: CloudEvent) -> Message:
    """HTTP binding 3.2: all of the event in the body."""
    return Message({"Content-Type": MEDIA_TYPE}, encode(event))


def batched(events: Sequence[CloudEvent]) -> Message:
    """HTTP binding 3.3."""
    return Message({"Content-Type": BATCH_MEDIA_TYPE}, encode(events))


def binary(event: CloudEvent) -> Message:
    """HTTP binding 3.1: attributes in headers ``ce-*``, the data alone in the body. What has no data has no body
    either."""
    headers = {
        f"ce-{name}": header_value(value)
        for name, value in event.items()
        if name not in ("data", "datacontenttype")
    }
    if "data" not in event:
        return Message(headers, b"")
    return Message(
        headers | {"Content-Type": event["datacontenttype"]}, _json.encode(event["data"])
    )


def header_value(value: str) -> str:
    """HTTP binding 3.1.3.2: printable ASCII but for blank, quotation mark and percent sign; the rest as percent
    signs and UTF-8."""
    return quote(value, safe=_PRINTABLE)


_PRINTABLE = "".join(sorted({chr(code) for code in range(0x21, 0x7F)} - set('"%')))
