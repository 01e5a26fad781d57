"""Three HELLO prove both ends; whoever is somebody else is refused, and learns nothing."""

from __future__ import annotations

import msgspec
import pytest

from server.domain.errors import Code, Refused
from server.federation import handshake as module
from server.federation.frames import Hello
from server.federation.handshake import FEATURES, Handshake, Identity
from server.federation.trust import Role
from tests.unit.federation.lab import EPOCH, START, key_of, roster_of

ROSTER = roster_of("de", "fr", "in")
NONCES = {"dial": b"d" * 32, "accept": b"a" * 32}


def _end(region: str, peer: str, role: Role, key: str = "") -> Handshake:
    me = Identity(region, EPOCH, key_of(key or region))
    return Handshake(me, peer, ROSTER, role, NONCES[role])


def _ends(**keys: str) -> tuple[Handshake, Handshake]:
    return _end("de", "fr", "dial", keys.get("de", "")), _end(
        "fr", "de", "accept", keys.get("fr", "")
    )


def _tell(end: Handshake, hello: Hello) -> Hello:
    answer = end.receive(hello, START)
    assert answer is not None
    return answer


def _refused(end: Handshake, hello: Hello) -> Code:
    with pytest.raises(Refused) as refused:
        end.receive(hello, START)
    assert not end.proven
    return refused.value.refusal.code


def test_three_hellos_prove_both_ends() -> None:
    dialler, acceptor = _ends()
    opening = dialler.opening(START)
    assert opening.proof == b""
    answer = _tell(acceptor, opening)
    assert not acceptor.proven
    last = _tell(dialler, answer)
    assert dialler.proven
    assert acceptor.receive(last, START) is None
    assert acceptor.proven
    assert (dialler.epoch, acceptor.epoch) == (EPOCH, EPOCH)


@pytest.mark.parametrize(
    ("features", "software"),
    [
        (("tap/1.2.0",), "1.2.0"),
        (("relay", "tap/2.0+local"), "2.0+local"),
        ((), ""),
        (("tap/",), ""),
        (("tap/\x1b[2J",), ""),
    ],
)
def test_each_end_reads_what_the_other_runs(features: tuple[str, ...], software: str) -> None:
    dialler, acceptor = _ends()
    _tell(acceptor, msgspec.structs.replace(dialler.opening(START), features=features))
    assert (acceptor.software, acceptor.version) == (software, 1)


def test_an_end_says_what_it_runs() -> None:
    me = Identity("de", EPOCH, key_of("de"), "1.2.0")
    hello = Handshake(me, "fr", ROSTER, "dial", NONCES["dial"]).opening(START)
    assert hello.features == (*FEATURES, "tap/1.2.0")


def test_the_accepting_end_must_hold_its_key() -> None:
    dialler, acceptor = _ends(fr="mallory")
    assert _refused(dialler, _tell(acceptor, dialler.opening(START))) is Code.BAD_SIGNATURE


def test_the_dialling_end_must_hold_its_key() -> None:
    dialler, acceptor = _ends(de="mallory")
    last = _tell(dialler, _tell(acceptor, dialler.opening(START)))
    assert _refused(acceptor, last) is Code.BAD_SIGNATURE


def test_naming_the_pinned_key_is_not_holding_it() -> None:
    dialler, acceptor = _ends(de="mallory")
    named = module.key_id(key_of("de").public_key().public_bytes_raw())
    answer = _tell(acceptor, msgspec.structs.replace(dialler.opening(START), key_id=named))
    last = msgspec.structs.replace(_tell(dialler, answer), key_id=named)
    assert _refused(acceptor, last) is Code.BAD_SIGNATURE


def test_a_recorded_proof_does_not_fit_another_nonce() -> None:
    dialler, acceptor = _ends()
    recorded = _tell(dialler, _tell(acceptor, dialler.opening(START)))
    again = Handshake(Identity("fr", EPOCH, key_of("fr")), "de", ROSTER, "accept", b"A" * 32)
    _tell(again, dialler.opening(START))
    assert _refused(again, recorded) is Code.BAD_SIGNATURE


def test_an_end_that_hears_itself_does_not_believe_it() -> None:
    """A proof names the role, so it cannot be reflected."""
    dialler, _ = _ends()
    mirror = msgspec.structs.replace(dialler.opening(START), region="fr", to="de", proof=b"p" * 64)
    assert _refused(dialler, mirror) is Code.BAD_SIGNATURE


def test_a_proof_for_one_region_is_worthless_at_another() -> None:
    """fr passes de's words on to in, to be taken for de there."""
    dialler, acceptor = _ends()
    third = _end("in", "de", "accept")
    opening = dialler.opening(START)
    assert _refused(third, opening) is Code.UNKNOWN_PEER
    answer = _tell(third, msgspec.structs.replace(opening, to="in"))
    disguised = msgspec.structs.replace(answer, region="fr")
    assert _refused(dialler, disguised) is Code.BAD_SIGNATURE
    assert not acceptor.proven


def test_the_nonce_stays_the_same() -> None:
    dialler, acceptor = _ends()
    last = _tell(dialler, _tell(acceptor, dialler.opening(START)))
    assert _refused(acceptor, msgspec.structs.replace(last, nonce=b"x" * 32)) is Code.BAD_FRAME


def test_no_hello_after_the_proof() -> None:
    dialler, acceptor = _ends()
    answer = _tell(acceptor, dialler.opening(START))
    last = _tell(dialler, answer)
    acceptor.receive(last, START)
    for end, hello in ((dialler, answer), (acceptor, last)):
        with pytest.raises(Refused, match="no more HELLO"):
            end.receive(hello, START)


def test_another_region_than_expected_is_unknown() -> None:
    dialler, _ = _ends()
    stranger = _end("in", "de", "dial").opening(START)
    assert _refused(dialler, stranger) is Code.UNKNOWN_PEER


@pytest.mark.parametrize("versions", [(2, 3), (9, 9)])
def test_no_common_version_is_refused(versions: tuple[int, int]) -> None:
    dialler, acceptor = _ends()
    opening = msgspec.structs.replace(dialler.opening(START), versions=versions)
    assert _refused(acceptor, opening) is Code.UNSUPPORTED_VERSION


def test_a_newer_peer_is_met_at_the_common_version(monkeypatch: pytest.MonkeyPatch) -> None:
    dialler, acceptor = _ends()
    opening = msgspec.structs.replace(dialler.opening(START), versions=(1, 4))
    assert _tell(acceptor, opening).versions == (1, 1)


def test_a_downgrade_on_the_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends speak 1 to 2; somebody between them claims the dialling end speaks only 1."""
    monkeypatch.setattr(module, "VERSIONS", (1, 2))
    dialler, acceptor = _ends()
    forged = msgspec.structs.replace(dialler.opening(START), versions=(1, 1))
    assert _refused(dialler, _tell(acceptor, forged)) is Code.BAD_SIGNATURE
