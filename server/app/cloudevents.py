"""A record of the tap as a CloudEvents 1.0 event in structured JSON; a pure function of the record.

docs/protocol/tap.md section 4 is the specification, docs/protocol/tap.schema.json its schema, and
tests/vectors/tap its examples. Attribute rules: CloudEvents 1.0.2 sections 2 and 3 and its JSON format.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

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
    e.KeyRotated: "key_id",
    e.ResidencyChanged: "region",
    e.KeyRetired: "key_id",
}
"""The field that says what an event is about. An opened epoch and a closed log are about the region itself, a
roster about the company: none."""

UNNAMED: frozenset[type[e.Event]] = frozenset({e.FlagRaised, e.ReadMarked})
"""Whoever reports something, or reads, is not named to other systems."""

_json = msgspec.json.Encoder()


def cloud_event(record: Record, epoch: int) -> dict[str, Any]:
    """The event as a JSON map. ``epoch``: of the node whose tap is read, for the cursor.

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
    if record.actor and type(record.event) not in UNNAMED:
        found["tapactor"] = record.actor
    return found | _content(record.event)


def _content(event: e.Event | None) -> dict[str, Any]:
    """Subject and data; neither for a body that was erased or whose type is unknown here.

    What this version cannot read it cannot judge, so it does not pass it on (section 6)."""
    if event is None or isinstance(event, e.ReadMarked):
        return {}
    field = SUBJECT.get(type(event))
    found: dict[str, Any] = {"subject": getattr(event, field)} if field else {}
    return found | {"datacontenttype": "application/json", "data": data_of(event)}


def data_of(event: e.Event) -> dict[str, Any]:
    """The body's fields, defaults left out, bytes as base64, without thumbnails and without what is nobody else's business:
    a secret ballot's choices, a region's part of a secret tally (I11), the words of direct messages, and
    what one home tells another."""
    data: dict[str, Any] = msgspec.to_builtins(event, str_keys=True)
    withheld = secrets_of(event)
    match event:
        case (
            e.PostPublished(place=place) | e.ReplyPublished(place=place) | e.PostEdited(place=place)
        ):
            withheld = WORDS if place.startswith("d:") else ()
        case e.PersonReleased():
            withheld = ("keys",)
        case e.ConversationStarted() | e.ConversationChanged():
            withheld = ("title",)
    for name in withheld:
        data.pop(name, None)
    for file in data.get("attachments", ()):
        file.pop("thumbnail", None)
    return data


def secrets_of(event: e.Event | None) -> tuple[str, ...]:
    """Fields that no export shows, whoever asks: a secret ballot's choices, a small region's tally (I11)."""
    match event:
        case e.BallotCast(secret=True):
            return ("choices",)
        case e.PollTallied():
            return ("voters", "counts", "pairs")
        case _:
            return ()


WORDS = ("text", "title", "topics", "mentions", "reason", "attachments")
"""What a direct message says."""


def rfc3339(milliseconds: int) -> str:
    """``2026-01-01T00:00:00.123Z``: UTC, always with three digits."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


def encode(record: Record, epoch: int) -> bytes:
    """One event as JSON without a line break: a line of the stream, or a body of ``MEDIA_TYPE``."""
    return _json.encode(cloud_event(record, epoch))


def encode_batch(records: Sequence[Record], epoch: int) -> bytes:
    """A body of ``BATCH_MEDIA_TYPE``: a JSON array, empty when nothing is new."""
    return _json.encode([cloud_event(record, epoch) for record in records])
