"""What the log says about scoring: a region's policy, what people chose, and what is published of them."""

import msgspec
from sqlalchemy import bindparam, select

from server.domain.events import ScoringChoice, ScoringPolicy
from server.domain.facts import HistoryFact, ScoringChoiceFact, ScoringPolicyFact, StandingFact
from server.domain.scoring_policy import UNDECIDED
from server.storage import tables as t
from server.storage.sql import Tx, point, statement

_policy = msgspec.json.Decoder(ScoringPolicy).decode
_choice = msgspec.json.Decoder(ScoringChoice).decode
_topics = msgspec.json.Decoder(dict[str, int]).decode
_POLICY = point(t.scoring_policies, "rev", "policy")
_CHOICE = point(t.scoring_choices, "rev", "choice")
_HISTORY = point(t.scoring_histories, "rev", "before")
_STANDING = point(t.standings, "rev", "day", "rules", "standing", "level", "topics", "shown")
_SHOWN_AT = statement(
    select(t.standings.c.person)
    .join(t.persons, t.persons.c.person == t.standings.c.person)
    .where(t.persons.c.home == bindparam("home"), t.standings.c.shown)
    .order_by(t.standings.c.person)
)


def policy(tx: Tx, region: str) -> ScoringPolicyFact | None:
    row = tx.one(_POLICY, {"region": region})
    return None if row is None else ScoringPolicyFact(row[0], _policy(row[1]))


def choice(tx: Tx, person: str) -> ScoringChoiceFact:
    row = tx.one(_CHOICE, {"person": person})
    if row is None:
        return ScoringChoiceFact(0, UNDECIDED)
    return ScoringChoiceFact(row[0], _choice(row[1]))


def history(tx: Tx, person: str) -> HistoryFact:
    row = tx.one(_HISTORY, {"person": person})
    return HistoryFact(0, 0) if row is None else HistoryFact(*row)


def standing(tx: Tx, person: str) -> StandingFact | None:
    row = tx.one(_STANDING, {"person": person})
    if row is None:
        return None
    rev, day, rules, worth, level, topics, shown = row
    return StandingFact(rev, day, rules, worth, level, _topics(topics), bool(shown))


def shown_at(tx: Tx, home: str) -> list[str]:
    """Of whom a standing is shown, by id."""
    return [person for (person,) in tx.rows(_SHOWN_AT, {"home": home})]
