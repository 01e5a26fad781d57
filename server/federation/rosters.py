"""The signed roster: who belongs to the company, by the word of two of its administrators.

docs/protocol/federation.md section 17.1. A file of JSON that people pass on: the roster, and signatures
over exactly its bytes. ``trust.Roster`` is what a node makes of it.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.visibility import CONTROL
from server.federation.dialled import PeerAddress
from server.federation.frames import EPOCH_END, KEY_BYTES, ORIGINS_MAX, SEQ_END
from server.federation.membership import Company
from server.federation.trust import ANY_KEY, key_id, public_key

_Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,15}\Z")]
_Group = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
_Key = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Name = Annotated[str, Meta(min_length=1, max_length=64)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Unknown fields are passed over: a later version may add some, and the signature covers them too."""


class Place(_Part, frozen=True, kw_only=True):
    """An event of a region's ``control`` lane."""

    epoch: Annotated[int, Meta(gt=0, lt=EPOCH_END)]
    seq: Annotated[int, Meta(ge=0, lt=SEQ_END)]


class RegionKey(_Part, frozen=True, kw_only=True):
    key: _Key
    ends: Place | None = None
    """Beyond this it vouches for nothing: it was lost, or stolen."""


class RosterRegion(_Part, frozen=True, kw_only=True):
    region: _Code
    name: _Name
    url: Annotated[str, Meta(pattern=r"^(https?|wss?)://[^/?#\s]+/?\Z", max_length=255)]
    keys: Annotated[tuple[RegionKey, ...], Meta(min_length=1, max_length=16)]
    """The newest last. Those that follow by the region's own word (17.2) need not be here."""
    left: Place | None = None
    """It has left: its log ends here, others keep and pass on what they have of it."""


class Admin(_Part, frozen=True, kw_only=True):
    name: _Name
    key: _Key


class RosterDocument(_Part, frozen=True, kw_only=True):
    version: Annotated[int, Meta(ge=1, lt=2**53)]
    admins: Annotated[tuple[Admin, ...], Meta(max_length=16)]
    regions: Annotated[tuple[RosterRegion, ...], Meta(max_length=ORIGINS_MAX)]
    groups: Annotated[dict[_Group, tuple[_Code, ...]], Meta(max_length=64)] = {}
    protocol_min: Annotated[int, Meta(ge=1, lt=2**15)] = 1
    """The lowest version of the protocol that is still spoken."""

    def region(self, code: str) -> RosterRegion | None:
        return next((entry for entry in self.regions if entry.region == code), None)


class Signature(_Part, frozen=True, kw_only=True):
    by: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    """The id of the administrator's key."""
    signature: Annotated[bytes, Meta(max_length=64)]


class SignedRoster(msgspec.Struct, frozen=True):
    """A document and the exact bytes its signatures cover."""

    document: RosterDocument
    text: bytes
    signatures: tuple[Signature, ...]

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def signed_bytes(self) -> bytes:
        return b"tap roster 1" + self.text


class _File(msgspec.Struct):
    roster: msgspec.Raw
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=64)] = ()


# -- bytes -----------------------------------------------------------------------------------------------


def decode(raw: bytes, *, draft: bool = False) -> SignedRoster:
    """A well-formed roster, whoever signed it; ``draft``: regions may still be missing.

    Raises Refused: too_large, bad_frame, bad_value."""
    if len(raw) > limits.ROSTER_BYTES_MAX:
        most = limits.ROSTER_BYTES_MAX
        raise Refused(Code.TOO_LARGE, f"a roster may have {most} bytes, this has {len(raw)}")
    try:
        file = msgspec.json.decode(raw, type=_File)
        text = bytes(file.roster)
        document = msgspec.json.decode(text, type=RosterDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Code.BAD_FRAME, f"this is no roster: {error}") from None
    if problem := next(problems(document, draft=draft), None):
        raise Refused(Code.BAD_VALUE, f"roster {document.version}: {problem}")
    return SignedRoster(document, text, file.signatures)


def encode(roster: SignedRoster) -> bytes:
    """As a file that people can read; the signed bytes stay as they are."""
    signatures = msgspec.json.format(msgspec.json.encode(roster.signatures), indent=2)
    return b'{"roster":\n' + roster.text + b',\n"signatures":\n' + signatures + b"}\n"


def drafted(document: RosterDocument) -> SignedRoster:
    """Not signed yet; held to the same bounds as what is read. Raises Refused(bad_value, bad_frame)."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return decode(encode(SignedRoster(document, text, ())), draft=True)


def problems(document: RosterDocument, *, draft: bool = False) -> Iterator[str]:
    """What no type can say."""
    if len({admin.key for admin in document.admins}) < limits.ROSTER_SIGNATURES_MIN:
        yield f"it needs {limits.ROSTER_SIGNATURES_MIN} administrators or more"
    if len({admin.key for admin in document.admins}) < len(document.admins):
        yield "two administrators have one key"
    codes = [entry.region for entry in document.regions]
    if not codes and not draft:
        yield "it has no region"
    yield from (f"region {code} is there twice" for code in set(codes) if codes.count(code) > 1)
    for group, members in document.groups.items():
        yield from (
            f"group {group} names {member}, which is no region here"
            for member in members
            if member not in codes
        )


# -- signatures ----------------------------------------------------------------------------------------


def signed(roster: SignedRoster, private: Ed25519PrivateKey) -> SignedRoster:
    """With one more signature. Raises Refused(forbidden) for a key that is no administrator's at all."""
    by = key_id(private.public_key().public_bytes_raw())
    if any(one.by == by for one in roster.signatures):
        raise Refused(Code.CONFLICT, "this administrator has signed already")
    mine = Signature(by=by, signature=private.sign(roster.signed_bytes))
    return msgspec.structs.replace(roster, signatures=(*roster.signatures, mine))


def signers(roster: SignedRoster, admins: Iterable[Admin]) -> list[str]:
    """The names of those of ``admins`` that signed; other signatures do not count."""
    by = {signature.by: signature.signature for signature in roster.signatures}
    return [admin.name for admin in admins if _fits(admin, by, roster.signed_bytes)]


def _fits(admin: Admin, by: dict[str, bytes], signed_bytes: bytes) -> bool:
    try:
        public_key(admin.key).verify(by.get(key_id(admin.key), b""), signed_bytes)
    except InvalidSignature:
        return False
    return True


def succeeds(candidate: SignedRoster, current: SignedRoster | None) -> bool:
    """Whether to go by a roster from now on; False: it is not newer than what we have.

    The first one is the operator's own choice, and signed by its own administrators; each later one by those
    of the one before it. Raises Refused: bad_signature, or conflict for two rosters of one version."""
    if current is not None and candidate.version <= current.version:
        if candidate.version == current.version and candidate.text != current.text:
            raise Refused(Code.CONFLICT, f"there are two rosters of version {current.version}")
        return False
    before = current or candidate
    by = signers(candidate, before.document.admins)
    if len(by) < limits.ROSTER_SIGNATURES_MIN:
        raise Refused(
            Code.BAD_SIGNATURE,
            f"roster {candidate.version} needs the signatures of {limits.ROSTER_SIGNATURES_MIN} "
            f"administrators of roster {before.version}, it has those of: {', '.join(by) or 'nobody'}",
        )
    return True


# -- what a node makes of it -----------------------------------------------------------------------------


def company(
    document: RosterDocument, me: str, dials: Callable[[str], bool], own_keys: tuple[bytes, ...]
) -> Company:
    """``dials``: whether this node opens the link to a region; ``own_keys``: those it ever signed by, which
    it believes whatever the roster says."""
    keys = {entry.region: tuple([key.key for key in entry.keys]) for entry in document.regions}
    keys[me] = (*[key for key in keys.get(me, ()) if key not in own_keys], *own_keys)
    return Company(
        peers=tuple(
            [
                PeerAddress(entry.region, entry.url, keys[entry.region], dials(entry.region))
                for entry in document.regions
                if entry.left is None and entry.region != me and document.region(me)
            ]
        ),
        keys=keys,
        groups=document.groups,
        ended=tuple(_ended(document)),
        version_min=document.protocol_min,
    )


def _ended(document: RosterDocument) -> Iterator[tuple[str, LaneKey, int]]:
    for entry in document.regions:
        for key in entry.keys:
            if key.ends:
                lane = LaneKey(entry.region, key.ends.epoch, CONTROL)
                yield key_id(key.key), lane, key.ends.seq
        if entry.left:
            yield ANY_KEY, LaneKey(entry.region, entry.left.epoch, CONTROL), entry.left.seq


def key_text(key: bytes) -> str:
    """As ``tap keys`` prints it."""
    return base64.b64encode(key).decode()
