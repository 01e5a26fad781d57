"""Whatever comes in is a command or a refusal with a code, a sentence and the field to blame."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.commands import (
    COMMANDS,
    Command,
    PublishReply,
    encoded,
    from_builtins,
    from_json,
    from_msgpack,
)
from server.domain.errors import Code, Refusal, Refused
from server.domain.import_records import (
    ImportAcceptance,
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
    ImportVote,
    import_record,
)
from tests.support.shapes import FEW, values

POST = "01kdvdna00aaaaaaaaaaaaaaaa"
OTHER = "01kdvdna00bbbbbbbbbbbbbbbb"
PLACE = "c:" + POST
CODES = {Code.BAD_ENCODING, Code.BAD_VALUE, Code.UNKNOWN_KIND, Code.TOO_LARGE}
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
packable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4)
    ),
    max_leaves=12,
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "post.publish": {
        "place": PLACE,
        "kind": "poll",
        "text": "tea?",
        "topics": ["tea"],
        "mentions": ["asha"],
        "cites": [OTHER],
        "lang": "en",
        "poll": {"method": "single", "choices": ["yes", "no"], "closes_at": 5},
    },
    "reply.publish": {"parent": POST, "text": "yes", "mentions": ["bob"]},
    "post.edit": {"post": POST, "text": "better", "reason": "a typo"},
    "post.delete": {"post": POST},
    "content.erase": {"scope": "post", "target": POST, "reason": "a phone number"},
    "reaction.set": {"target": POST, "reaction": "emoji", "on": True, "emoji": "👍"},
    "answer.accept": {"question": POST, "answer": None},
    "verification.set": {"target": POST, "on": True},
    "ballot.cast": {"poll": POST, "choices": [0]},
    "poll.close": {"poll": POST},
    "follow.set": {"kind": "topic", "target": "tea", "on": True},
    "announcement.acknowledge": {"post": POST},
    "idea.move": {"post": POST, "stage": "accepted", "owner": "asha", "due": 9, "note": "soon"},
    "community.create": {"name": "Tea", "visibility": "private", "audience": "group.eu"},
    "community.change": {"community": POST, "name": "Tea", "archived": True},
    "membership.set": {"community": POST, "joined": True},
    "community.set_role": {"community": POST, "person": "asha", "role": "owner"},
    "conversation.start": {"members": ["asha", "bob"], "title": "Lunch"},
    "read.mark": {"channel": "t:" + POST, "up_to": 7},
    "profile.change": {"name": "Asha", "skills": ["tea"], "country": "IN"},
    "flag.raise": {"target": POST, "reason": "rude"},
    "flag.resolve": {"target": POST, "upheld": False},
    "moderation.act": {"target": POST, "act": "hide", "on": True, "reason": "rude"},
    "moderation.hide_at_home": {"target": POST, "on": True},
    "person.register": {"person": "asha", "name": "Asha", "bot": False},
    "person.set_status": {"person": "asha", "active": False},
    "person.set_role": {"person": "asha", "role": "auditor", "on": True},
    "person.hand_over": {"person": "asha", "to": "de"},
    "person.take_over": {"person": "asha"},
    "person.call_off": {"person": "asha"},
    "scoring.choose": {"profile": True, "boards": False, "experts": None},
    "scoring.erase_history": {},
    "dispute.open": {"line": "1042-own", "reason": "it was no circle"},
    "case.decide": {"case": POST, "outcome": "dismissed", "reason": "a team at work"},
    "case.hold": {"case": POST, "on": True},
    "topic.define": {"topic": "tea", "names": {"de": "Tee"}, "synonyms": ["chai"]},
}
RECORDS: dict[str, dict[str, Any]] = {
    "person": {"person": "asha", "name": "Asha"},
    "community": {"community": POST, "name": "Tea", "at": 5},
    "post": {
        "post": POST,
        "author": "asha",
        "community": OTHER,
        "kind": "update",
        "at": 5,
        "text": "x",
    },
    "reply": {
        "post": POST,
        "author": "asha",
        "community": OTHER,
        "root": OTHER,
        "parent": OTHER,
        "kind": "reply",
        "at": 5,
        "text": "x",
    },
    "acceptance": {"by": "asha", "community": POST, "question": POST, "answer": OTHER},
    "vote": {"community": POST, "root": POST, "target": POST, "vote": "up", "at": 5},
}
SOURCE = {"system": "forum", "id": "7"}
RECORD_SHAPES = (
    ImportPerson,
    ImportCommunity,
    ImportPost,
    ImportReply,
    ImportAcceptance,
    ImportVote,
)


def refusal(decode: Callable[[Any], object], given: Any) -> Refusal:
    with pytest.raises(Refused) as refused:
        decode(given)
    return refused.value.refusal


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "x" * 40_001}, "text must have at most 40,000 characters"),
        ({"title": "x" * 201}, "title must have at most 200 characters"),
        ({"topics": ["t"] * 9}, "topics must have at most 8 entries"),
        ({"text": 7}, "Expected `str`, got `int`"),
    ],
)
def test_what_people_may_get_wrong_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    """They read it beside what they wrote; a wrong type is for whoever wrote the program."""
    publish = {"place": "c:01hf7yavf99km7ddqd7x9mff70", "kind": "update", "text": "hi"} | changes
    found = refusal(from_json, command("post.publish", **publish))
    assert (found.code, found.message) == (Code.BAD_VALUE, words)


def command(do: str, **changes: Any) -> bytes:
    return json.dumps({"do": do, **EXAMPLES[do], **changes}).encode()


# ---------------------------------------------------------------- what is understood


def test_every_kind_has_an_example() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert RECORDS.keys() == {shape.__struct_config__.tag for shape in RECORD_SHAPES}
    assert set(RECORD_SHAPES) == set(ImportRecord.__args__)


@pytest.mark.parametrize("do", COMMANDS)
def test_the_three_ways_in_agree(do: str) -> None:
    wish = {"do": do, **EXAMPLES[do]}
    found = from_builtins(wish)
    assert type(found) is COMMANDS[do]
    assert from_json(json.dumps(wish).encode()) == found
    assert from_msgpack(msgspec.msgpack.encode(wish)) == found


@pytest.mark.parametrize("kind", RECORDS)
def test_every_kind_of_import_record_is_read(kind: str) -> None:
    record = import_record(json.dumps({"import": kind, "source": SOURCE, **RECORDS[kind]}).encode())
    assert record.__struct_config__.tag == kind
    assert record.source.id == "7"


@pytest.mark.parametrize("do", COMMANDS)
@FEW
@given(data=st.data())
def test_a_command_within_its_bounds_comes_back_as_it_was(do: str, data: st.DataObject) -> None:
    wish = data.draw(values(COMMANDS[do]))
    assert from_json(msgspec.json.encode(wish)) == wish
    assert from_msgpack(msgspec.msgpack.encode(wish)) == wish


def test_a_field_left_out_takes_its_default_and_null_is_not_the_same() -> None:
    assert from_json(command("community.create")).about == ""  # type: ignore[union-attr]
    refused = refusal(from_json, command("community.create", about=None))
    assert (refused.code, refused.field) == (Code.BAD_VALUE, "about")


# ---------------------------------------------------------------- what is not


BAD_VALUES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "unknown field": ("post.delete", {"psot": POST}, None),
    "object id in capitals": ("post.delete", {"post": POST.upper()}, "post"),
    "object id too short": ("post.delete", {"post": POST[:-1]}, "post"),
    "object id with a line feed": ("post.delete", {"post": POST + "\n"}, "post"),
    "object id above the largest ulid": ("post.delete", {"post": "8" + POST[1:]}, "post"),
    "object id with a letter ulids leave out": ("post.delete", {"post": "u" * 26}, "post"),
    "nobody, where somebody must be": ("person.register", {"person": ""}, "person"),
    "number for a text": ("post.delete", {"post": 5}, "post"),
    "person with a line feed": ("community.set_role", {"person": "asha\n"}, "person"),
    "person in capitals": ("community.set_role", {"person": "Asha"}, "person"),
    "person too long": ("community.set_role", {"person": "a" * 65}, "person"),
    "role unknown": ("community.set_role", {"role": "queen"}, "role"),
    "place of no kind": ("post.publish", {"place": "t:" + POST}, "place"),
    "post kind unknown": ("post.publish", {"kind": "rumour"}, "kind"),
    "text too long": ("post.publish", {"text": "x" * (limits.POST_TEXT_CHARS_MAX + 1)}, "text"),
    "title too long": ("post.publish", {"title": "x" * (limits.TITLE_CHARS_MAX + 1)}, "title"),
    "topic with a space": ("post.publish", {"topics": ["a", "b c"]}, "topics[1]"),
    "topic with a line feed": ("post.publish", {"topics": ["tea\n"]}, "topics[0]"),
    "topic empty": ("post.publish", {"topics": [""]}, "topics[0]"),
    "topic too long": ("post.publish", {"topics": ["x" * 49]}, "topics[0]"),
    "too many topics": ("post.publish", {"topics": ["a"] * 9}, "topics"),
    "too many mentions": ("post.publish", {"mentions": ["a"] * 51}, "mentions"),
    "too many citations": ("post.publish", {"cites": [POST] * 21}, "cites"),
    "poll of no method": (
        "post.publish",
        {"poll": {"method": "dice", "choices": []}},
        "poll.method",
    ),
    "poll that closes beyond time": (
        "post.publish",
        {"poll": {"method": "single", "choices": ["a", "b"], "closes_at": 10**30}},
        "poll.closes_at",
    ),
    "poll with half a quorum": (
        "post.publish",
        {"poll": {"method": "single", "choices": ["a", "b"], "quorum_people": 0.5}},
        "poll.quorum_people",
    ),
    "reply empty": ("reply.publish", {"text": ""}, "text"),
    "choice negative": ("ballot.cast", {"choices": [-1]}, "choices[0]"),
    "choice too large": ("ballot.cast", {"choices": [30]}, "choices[0]"),
    "too many choices": ("ballot.cast", {"choices": [1] * 31}, "choices"),
    "yes for true": ("membership.set", {"joined": "yes"}, "joined"),
    "name empty": ("community.create", {"name": ""}, "name"),
    "name of spaces": ("community.create", {"name": "  \t "}, "name"),
    "name too long": ("community.create", {"name": "x" * 121}, "name"),
    "audience of a pair": ("community.create", {"audience": "pair.de.in"}, "audience"),
    "audience control": ("community.create", {"audience": "control"}, "audience"),
    "conversation with nobody": ("conversation.start", {"members": []}, "members"),
    "conversation of a crowd": ("conversation.start", {"members": ["a"] * 51}, "members"),
    "time negative": ("read.mark", {"up_to": -1}, "up_to"),
    "time too far": ("read.mark", {"up_to": 2**47}, "up_to"),
    "own channel": ("read.mark", {"channel": "u:asha"}, "channel"),
    "country too long": ("profile.change", {"country": "IND"}, "country"),
    "too many skills": ("profile.change", {"skills": ["x"] * 41}, "skills"),
    "emoji too long": ("reaction.set", {"emoji": "x" * 33}, "emoji"),
    "follow nothing": ("follow.set", {"target": ""}, "target"),
    "flag without a reason": ("flag.raise", {"reason": ""}, "reason"),
    "reason too long": ("flag.resolve", {"note": "x" * 501}, "note"),
    "saw less than nothing": ("flag.resolve", {"seen": -1}, "seen"),
    "saw more than can be counted": ("flag.resolve", {"seen": 2**53}, "seen"),
    "owner with a space": ("idea.move", {"owner": "a b"}, "owner"),
    "name of a language too long": ("topic.define", {"names": {"x" * 17: "tea"}}, "names"),
    "the character no database can hold": ("post.edit", {"text": "a\0b"}, None),
    "the same, deep inside": (
        "post.publish",
        {"poll": {"method": "single", "choices": ["a", "b\0"]}},
        None,
    ),
    "the same, as a key": ("topic.define", {"names": {"d\0": "Tee"}}, None),
}


@pytest.mark.parametrize(("do", "changes", "field"), BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_value_outside_its_bounds_names_the_field(
    do: str, changes: dict[str, Any], field: str | None
) -> None:
    for decode, raw in (
        (from_json, command(do, **changes)),
        (from_builtins, {"do": do, **EXAMPLES[do], **changes}),
    ):
        refused = refusal(decode, raw)
        assert (refused.code, refused.field) == (Code.BAD_VALUE, field), refused
        assert len(refused.message) > 10


def test_a_text_that_spells_the_forbidden_character_is_a_text() -> None:
    assert from_json(command("post.edit", text="write \\u0000 here"))


def test_a_required_field_that_is_missing_is_told_by_name() -> None:
    refused = refusal(from_json, b'{"do":"post.delete"}')
    assert refused.code is Code.BAD_VALUE
    assert "`post`" in refused.message


@pytest.mark.parametrize("raw", [b'{"do":"post.bake"}', b'{"do":""}', b"{}", b'{"post":"x"}'])
def test_a_wish_of_no_known_kind(raw: bytes) -> None:
    refused = refusal(from_json, raw)
    assert (refused.code, refused.field) == (Code.UNKNOWN_KIND, "do")


@pytest.mark.parametrize("raw", [b'{"import":"cat"}', b"{}"])
def test_a_record_of_no_known_kind(raw: bytes) -> None:
    refused = refusal(import_record, raw)
    assert (refused.code, refused.field) == (Code.UNKNOWN_KIND, "import")


NOT_WELL_FORMED = {
    "nothing": b"",
    "half a map": b'{"do":"post.delete"',
    "two values": b'{"do":"post.delete","post":"' + POST.encode() + b'"} {}',
    "bad utf-8": b'{"do":"post.delete","post":"\xff\xfe"}',
    "bad utf-8 in a key": b'{"d\xff":1}',
    "half a surrogate pair": b'{"do":"community.create","name":"\\ud800"}',
    "a number of 5,000 digits": b'{"do":"read.mark","channel":"x","up_to":' + b"9" * 5_000 + b"}",
    "lists in lists": b'{"do":"post.publish","place":"%b","kind":"poll","poll":{"z":%b}}'
    % (PLACE.encode(), b"[" * 50_000 + b"]" * 50_000),
}


@pytest.mark.parametrize("raw", NOT_WELL_FORMED.values(), ids=NOT_WELL_FORMED.keys())
def test_what_is_not_well_formed(raw: bytes) -> None:
    refused = refusal(from_json, raw)
    assert refused.code in CODES, refused


def test_messagepack_that_is_not_well_formed() -> None:
    for raw in (b"", b"\xc1", b"\x81\xa2do", b"\x81\xa2do\xa2\xff\xff"):
        assert refusal(from_msgpack, raw).code is Code.BAD_ENCODING
    nested = b"\x82\xa2do\xabpost.delete\xa4post" + b"\x91" * 100_000 + b"\xc0"
    assert refusal(from_msgpack, nested).code in (Code.BAD_ENCODING, Code.BAD_VALUE)


@pytest.mark.parametrize("decode", [from_json, from_msgpack, import_record])
def test_too_large_is_refused_before_it_is_read(decode: Callable[[bytes], object]) -> None:
    refused = refusal(decode, b"\xff" * (limits.COMMAND_BYTES_MAX + 1))
    assert refused.code is Code.TOO_LARGE
    assert str(limits.COMMAND_BYTES_MAX) in refused.message


def test_the_longest_text_fits_the_largest_command() -> None:
    """In the widest characters, escaped as clumsily as JSON allows."""
    raw = command("post.edit", text="\U0001f600" * (limits.POST_TEXT_CHARS_MAX // 2))
    assert len(raw) <= limits.COMMAND_BYTES_MAX
    text = "\U0001f600" * limits.POST_TEXT_CHARS_MAX
    assert from_json(msgspec.json.encode({"do": "post.edit", "post": POST, "text": text}))


@pytest.mark.parametrize(
    "source",
    [
        {"system": "", "id": "1"},
        {"system": "forum", "id": ""},
        {"system": "forum", "id": "x" * (limits.IMPORT_KEY_CHARS_MAX + 1)},
        {"system": "forum", "id": "a\0"},
    ],
)
def test_an_import_names_its_source(source: dict[str, str]) -> None:
    record = {"import": "person", "source": source, **RECORDS["person"]}
    assert refusal(import_record, json.dumps(record).encode()).code is Code.BAD_VALUE


# ---------------------------------------------------------------- whatever comes


def outcome(decode: Callable[[Any], object], given: Any) -> Code | type:
    try:
        return type(decode(given))
    except Refused as refused:
        return refused.refusal.code


WAYS: tuple[Callable[[Any], object], ...] = (from_json, from_msgpack, import_record)
shapes = {*COMMANDS.values(), *RECORD_SHAPES}


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    for decode in WAYS:
        assert outcome(decode, raw) in CODES


@given(plain)
def test_any_json(value: Any) -> None:
    raw = json.dumps(value).encode()
    for decode in WAYS:
        assert outcome(decode, raw) in CODES
    assert outcome(from_builtins, value) in CODES


@given(packable)
def test_any_messagepack(value: Any) -> None:
    assert outcome(from_msgpack, msgspec.msgpack.encode(value)) in CODES
    assert outcome(from_builtins, value) in CODES


@given(st.sampled_from(list(EXAMPLES)), st.data())
def test_a_known_command_with_one_field_replaced_by_anything(do: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([*EXAMPLES[do], "do", "more"]))
    wish = {"do": do, **EXAMPLES[do], field: data.draw(plain)}
    found = outcome(from_builtins, wish)
    assert found in CODES | set(COMMANDS.values())
    assert outcome(from_json, json.dumps(wish).encode()) == found


@given(st.sampled_from(list(EXAMPLES)), st.data())
def test_a_known_command_with_damaged_bytes(do: str, data: st.DataObject) -> None:
    for decode, whole in (
        (from_json, command(do)),
        (from_msgpack, msgspec.msgpack.encode({"do": do, **EXAMPLES[do]})),
    ):
        raw = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        assert outcome(decode, bytes(raw)) in CODES | set(COMMANDS.values())


def test_the_kinds_of_the_type_and_of_the_table_are_the_same() -> None:
    assert set(Command.__args__) == set(COMMANDS.values())


# -- over an upgrade ------------------------------------------------------------------------------------


class NewerReply(PublishReply, tag="reply.publish", frozen=True, kw_only=True):
    """As a newer release has it."""

    later = frozenset({"tone"})
    tone: str = ""


def test_a_command_is_the_same_before_an_upgrade_and_after_it() -> None:
    """Or a retry would be refused as another command (I2), and an older region would not know the field."""
    told: dict[str, Any] = {"parent": POST, "text": "yes", "cites": ()}
    before = encoded(PublishReply(**told))
    assert encoded(NewerReply(**told, tone="")) == before
    assert encoded(NewerReply(**told, tone="dry")) != before
    assert from_msgpack(before) == PublishReply(**told)


def test_fields_that_came_after_the_first_release_say_so() -> None:
    first = json.loads((Path(__file__).parent / "first_commands.json").read_text())
    for tag, shape in COMMANDS.items():
        fields = [field.name for field in msgspec.structs.fields(shape)]
        if tag in first:
            assert [name for name in fields if name not in shape.later] == first[tag], tag
