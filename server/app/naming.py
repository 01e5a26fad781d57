"""Whom a consumer of the tap gets to read about: names, pseudonyms or nobody. Pure (docs/protocol/tap.md section 7).

House rules:

1. Every field of every event has a kind in ``KINDS``; a test walks all of them and fails on one that has none.
2. What people write in their own words names people (greetings, mentions, signatures), so words go wherever
   names do. Who needs the words gets the names: a half of them hidden would only look safe.
3. A pseudonym is the same for one consumer for ever, and of no use to another: consumers cannot compare.
"""

import hmac
from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto
from typing import Any, Literal, NamedTuple

import msgspec

from server.domain import events as e

Names = Literal["shown", "pseudonyms", "none"]
PSEUDONYM_HEX_CHARS = 32
"""128 bits: two of 30,000 people never meet."""


class Kind(Enum):
    PERSON = auto()
    """A person's id, or several."""
    PERSONAL = auto()
    """Something else that tells who a person is."""
    WORDS = auto()
    """What somebody wrote freely."""
    PLAIN = auto()
    """None of these; a part has kinds of its own."""


def _kinds(
    *, person: str = "", personal: str = "", words: str = "", plain: str = ""
) -> dict[str, Kind]:
    of = {
        Kind.PERSON: person,
        Kind.PERSONAL: personal,
        Kind.WORDS: words,
        Kind.PLAIN: plain,
    }
    return {name: kind for kind, names in of.items() for name in names.split()}


KINDS: dict[type[msgspec.Struct], Mapping[str, Kind]] = {
    # -- events
    e.PersonRegistered: _kinds(
        person="person",
        personal="name title unit country locale timezone",
        plain="home bot source",
    ),
    e.PersonProfileChanged: _kinds(
        person="person",
        personal="name title unit country about skills locale timezone",
        plain="rev",
    ),
    e.PersonStatusChanged: _kinds(person="person", words="reason", plain="rev active"),
    e.PersonRoleChanged: _kinds(person="person", plain="role rev on"),
    e.PersonHandedOver: _kinds(person="person", plain="to rev"),
    e.PersonReleased: _kinds(person="person", personal="keys", plain="to rev cut"),
    e.PersonTakenOver: _kinds(person="person", plain="previous rev"),
    e.CommunityCreated: _kinds(
        person="owner",
        words="name about",
        plain="community home audience visibility source at",
    ),
    e.CommunityChanged: _kinds(plain="community rev settings"),
    e.MembershipChanged: _kinds(person="person", plain="community rev joined"),
    e.CommunityRoleChanged: _kinds(person="person", plain="community rev role"),
    e.ConversationStarted: _kinds(words="title", plain="conversation home members at"),
    e.ConversationChanged: _kinds(words="title", plain="conversation rev members"),
    e.ReadMarked: _kinds(personal="channel", plain="up_to"),
    e.PostPublished: _kinds(
        person="mentions notify",
        words="text title",
        plain="post kind place at topics lang poll paper praise announcement attachments source",
    ),
    e.ReplyPublished: _kinds(
        person="mentions notify",
        words="text",
        plain="post kind place root parent at lang attachments source",
    ),
    e.PostEdited: _kinds(
        person="mentions notify", words="text title reason", plain="post root place rev topics at"
    ),
    e.PostDeleted: _kinds(plain="post root place rev"),
    e.ErasureRequested: _kinds(words="reason", plain="request scope target posts open"),
    e.ErasureCompleted: _kinds(person="by", plain="request region bodies"),
    e.ReactionChanged: _kinds(person="author", plain="target root place reaction rev on emoji"),
    e.AnswerAccepted: _kinds(person="author", plain="question place rev answer source"),
    e.VerificationChanged: _kinds(person="author", plain="target root place rev on"),
    e.CitationChanged: _kinds(person="author", plain="citing cited place rev on"),
    e.VoteImported: _kinds(plain="target root place vote at source"),
    e.FollowChanged: _kinds(plain="kind target rev on"),
    e.AnnouncementAcknowledged: _kinds(plain="post place"),
    e.IdeaStageChanged: _kinds(
        person="author owner", words="note", plain="post place rev stage due"
    ),
    e.BallotCast: _kinds(plain="poll place rev choices withdrawn secret"),
    e.BallotKept: _kinds(person="person", plain="poll place region"),
    e.PollClosing: _kinds(plain="poll place at"),
    e.PollRegionClosed: _kinds(plain="poll place region ballots ends waits_for"),
    e.PollTallied: _kinds(plain="poll place region rev voters counts pairs"),
    e.PollClosed: _kinds(
        plain="poll place voters regions quorum digest counts pairs order cut parts late"
    ),
    e.PollChecked: _kinds(plain="poll place region agrees"),
    e.TopicDefined: _kinds(plain="topic rev names parent synonyms"),
    e.FlagRaised: _kinds(words="reason", plain="target root place rev on"),
    e.FlagResolved: _kinds(words="note", plain="target place rev upheld seen"),
    e.ModerationActed: _kinds(words="reason", plain="target root place act rev on"),
    e.HiddenAtHome: _kinds(words="reason", plain="target root place rev on"),
    e.StandingPublished: _kinds(person="person", plain="rev day rules standing level topics shown"),
    e.ScoringPolicyChanged: _kinds(plain="region rev policy"),
    e.ScoringChoiceChanged: _kinds(person="person", plain="rev choice"),
    e.ScoringHistoryErased: _kinds(person="person", plain="rev before"),
    e.ScoringRootPublished: _kinds(plain="region day rules quarter cut people root"),
    e.CaseOpened: _kinds(
        person="parties person",
        words="reason",
        plain="case region kind quarter at line content about received flows",
    ),
    e.CaseDecided: _kinds(person="by parties", words="reason", plain="case region rev outcome at"),
    e.CreditsRuled: _kinds(plain="case region rev quarter pairs"),
    e.EpochOpened: _kinds(plain="previous nonce"),
    e.KeyRotated: _kinds(plain="key key_id before signature"),
    e.ResidencyChanged: _kinds(plain="region rev policy regions groups"),
    e.KeyRetired: _kinds(plain="key_id earlier"),
    # The roster names the administrators who sign it.
    e.RosterChanged: _kinds(personal="document", plain="version"),
    e.LogClosed: _kinds(words="reason", plain="earlier"),
    # -- parts
    e.AnnouncementSpec: _kinds(plain="acknowledge acknowledge_by"),
    e.Attachment: _kinds(words="name alt", plain="hash type size width height stays thumbnail"),
    e.BallotPart: _kinds(plain="regions voters counts pairs"),
    e.CreditFlow: _kinds(person="giver author", plain="contents base counted"),
    e.RuledPair: _kinds(person="giver author", plain="ruling"),
    e.EditedCommunity: _kinds(words="name about", plain="visibility archived mode"),
    e.ErasedPost: _kinds(person="author", plain="post kind place root at rev parent"),
    e.EpochEnd: _kinds(plain="epoch seq"),
    e.LaneEnd: _kinds(plain="region epoch lane seq"),
    e.Member: _kinds(person="person", plain="region"),
    e.PaperSpec: _kinds(person="coauthors", words="abstract link"),
    e.PollSpec: _kinds(
        words="choices",
        plain="method secret closes_at hidden_until_close quorum_people quorum_regions count",
    ),
    e.PraiseSpec: _kinds(person="to", words="behaviour"),
    e.ResidencyPolicy: _kinds(plain="profile in_groups audiences"),
    e.ScoringChoice: _kinds(plain="profile boards experts milestones recognition leaders"),
    e.ScoringPolicy: _kinds(plain="scores boards leaders recognition k retention_days agreement"),
    # The id of a person, or of a post that leads to one, in the system they came from.
    e.Source: _kinds(personal="id", plain="system"),
}

PERSON_WHEN: dict[tuple[type[msgspec.Struct], str], tuple[str, str]] = {
    (e.FollowChanged, "target"): ("kind", "person"),
    (e.ErasureRequested, "target"): ("scope", "person"),
}
"""Fields that hold a person's id where another field has this value."""


class View(NamedTuple):
    """What one consumer may know of people.

    ``key``: what its pseudonyms are made with. ``nameless``: people who are named to nobody outside, of those
    that the events at hand name."""

    names: Names = "shown"
    key: bytes = b""
    nameless: Collection[str] = ()

    def person(self, person: str) -> str:
        """What stands for a person; empty for nothing."""
        if self.names == "none" or not person:
            return ""
        if self.names == "shown" and person not in self.nameless:
            return person
        return pseudonym(person, self.key)


ALL = View()
"""Everything, for the node itself and its operator."""


def pseudonym(person: str, key: bytes) -> str:
    """A name that fits where a person's id does, and leads back to nobody without the key."""
    return "p-" + hmac.digest(key, person.encode(), "sha256").hex()[:PSEUDONYM_HEX_CHARS]


def people_in(actor: str, event: e.Event | None) -> set[str]:
    """Every person that the event names, its actor included."""
    found = set() if event is None else set(_people(event))
    return (found | {actor}) - {""}


def hides(view: View, actor: str, event: e.Event) -> bool:
    """Whether a consumer gets this event with less than it says."""
    if view.names != "shown":
        return True
    return bool(view.nameless) and not people_in(actor, event).isdisjoint(view.nameless)


def mask(view: View, part: msgspec.Struct, data: dict[str, Any]) -> None:
    """Takes from ``data``, the part as a JSON map, what ``view`` may not know. The event is one that it ``hides``."""
    for name in list(data):
        value = getattr(part, name)
        match kind_of(part, name):
            case Kind.PERSON:
                _put(data, name, _stand_in(view, value))
            case Kind.PERSONAL | Kind.WORDS:
                del data[name]
            case Kind.PLAIN:
                if isinstance(value, msgspec.Struct):
                    mask(view, value, data[name])
                elif parts := _parts(value):
                    for inner, its_data in zip(parts, data[name], strict=True):
                        mask(view, inner, its_data)


def subject_of(view: View, event: e.Event, field: str) -> str:
    """What the event is about, as the consumer may know it; empty for nothing."""
    value: str = getattr(event, field)
    return view.person(value) if kind_of(event, field) is Kind.PERSON else value


def kind_of(part: msgspec.Struct, name: str) -> Kind:
    """Raises KeyError for a field that nobody has judged: it must not be shown by mistake."""
    condition = PERSON_WHEN.get((type(part), name))
    if condition is not None and getattr(part, condition[0]) == condition[1]:
        return Kind.PERSON
    return KINDS[type(part)][name]


def _stand_in(view: View, value: Any) -> str | list[str]:
    if isinstance(value, str):
        return view.person(value)
    return [known for person in value if (known := view.person(person))]


def _put(data: dict[str, Any], name: str, value: str | list[str]) -> None:
    if value:
        data[name] = value
    else:
        del data[name]


def _people(part: msgspec.Struct) -> Iterator[str]:
    for name in part.__struct_fields__:
        value = getattr(part, name)
        kind = kind_of(part, name)
        if kind is Kind.PERSON:
            yield from (value,) if isinstance(value, str) else value
        elif kind is Kind.PLAIN:
            for inner in _parts(value):
                yield from _people(inner)


def _parts(value: Any) -> list[msgspec.Struct]:
    """The parts that a field's value consists of."""
    items = value if isinstance(value, tuple) else (value,)
    return [item for item in items if isinstance(item, msgspec.Struct)]
