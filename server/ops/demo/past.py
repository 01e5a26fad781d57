"""The months before anybody looked, in the region that has a past: what its people asked and answered.

A new demo would have no settled month, and so no trend, no quartiles and nobody with a record. So the people
of one region lived before: their questions and answers are commands like any others, decided by the node's
own writer, only that its clock is set to when they were said. Moments come in the order of time.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from server.ops.demo import company
from server.ops.demo.director import DAY_MS, Beat, Ref
from server.ops.demo.past_lines import ANSWERS, NEWS_ANSWERS, QUESTIONS, Ask
from server.ops.demo.story import MODELS, SITES

REGION = "in"
DAYS = 100
"""A month settles nine days after its end (docs/scoring.md 10): so there is a whole one, whatever day it is."""
HOUR_MS = 3_600_000
NEWCOMER = "tenzin.dorjee"
"""Joined today: nothing of this is theirs."""
NEWS_PER_WEEK = 5
KNOWLEDGE_PER_WEEK = 2
LEADS = ("asha.rao", *[lead.id for lead in company.SITE_LEADS])
"""Who answers in the company news, the readiest first."""
EXPERTS = {
    "controls": ("meera.iyer", "rohan.kulkarni", "vikram.nair", "arjun.menon"),
    "data": ("fatima.sheikh", "vikram.nair", "kavya.reddy", "meera.iyer"),
}
"""Who answers in a community, whoever knows most first."""


class Clock:
    """What the writer is told it is."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def go_to(self, at: int) -> None:
        """That moment, or the next one: two may fall on one minute, and the log's clock never stands."""
        self.at = max(self.at + 1, at)


class Moment(NamedTuple):
    """``at``: UTC milliseconds; ``scene``, ``beat``: whose Refs it shares, and what it is there."""

    at: int
    scene: int
    beat: int
    said: Beat


def people() -> list[company.Person]:
    """Who lived then."""
    here = [person for person in company.at_home(REGION) if person.id != NEWCOMER]
    return [*here, *company.SITE_LEADS]


def communities() -> list[company.Community]:
    """Those of the region's own people."""
    return [one for one in company.COMMUNITIES if company.home_of(one.key) == REGION]


def moments(places: dict[str, str], now: int, chance: Random) -> list[Moment]:
    """``places``: the communities' keys with their ids; all happens between ``DAYS`` ago and now."""
    found: list[Moment] = []
    for scene, (at, spoken) in enumerate(_scenes(places, now, chance)):
        found += [
            Moment(at + after, scene, beat, said) for beat, (after, said) in enumerate(spoken)
        ]
    return sorted([one for one in found if one.at < now], key=lambda one: one[:3])


Spoken = list[tuple[int, Beat]]
"""Beats with the milliseconds since the scene began, rising."""


def _scenes(places: dict[str, str], now: int, chance: Random) -> Iterator[tuple[int, Spoken]]:
    for begin in range(_monday_nine(now - DAYS * DAY_MS), now, 7 * DAY_MS):
        for _ in range(NEWS_PER_WEEK):
            yield _somewhen(begin, chance), _news(places["news"], chance)
        for key in ("controls", "data"):
            for _ in range(KNOWLEDGE_PER_WEEK):
                yield _somewhen(begin, chance), _knowledge(key, places[key], chance)
        # Three a week, so that each of them tells something about once a month.
        for lead in chance.sample(LEADS, 3):
            yield _somewhen(begin, chance), _bulletin(places["news"], lead)


def _monday_nine(at: int) -> int:
    """Nine o'clock in the region on the next Monday. 1970-01-01 was a Thursday; India is 5.5 hours ahead of UTC."""
    days = at // DAY_MS
    return (days + (4 - days) % 7) * DAY_MS + 7 * HOUR_MS // 2


def _somewhen(week: int, chance: Random) -> int:
    """A time of a working day of the week that begins then, in office hours."""
    return week + chance.randrange(5) * DAY_MS + chance.randrange(8 * 60) * 60_000


def _news(place: str, chance: Random) -> Spoken:
    """A question to those who run the sites, and who of them answers: some often, some seldom."""
    asker = chance.choice([one.id for one in people() if one not in company.SITE_LEADS])
    ask = chance.choice([one for one in QUESTIONS if one.community == "news"])
    willing = [
        lead
        for number, lead in enumerate(LEADS)
        if lead != asker and chance.random() < 0.5 - 0.02 * number
    ]
    few = chance.sample(willing, min(4, len(willing)))
    return _thread(place, asker, ask, few, NEWS_ANSWERS, chance, hours=30)


def _knowledge(key: str, place: str, chance: Random) -> Spoken:
    """A question of the trade. Whoever knows most answers most, first and best."""
    ask = chance.choice([one for one in QUESTIONS if one.community == key])
    known = EXPERTS[key]
    asker = chance.choice([one.id for one in people() if one.id not in known])
    willing = [who for number, who in enumerate(known) if chance.random() < 0.85 - 0.2 * number]
    return _thread(place, asker, ask, willing, ANSWERS[key], chance, hours=8)


def _thread(
    place: str,
    asker: str,
    ask: Ask,
    willing: Sequence[str],
    lines: Sequence[str],
    chance: Random,
    hours: int,
) -> Spoken:
    slots = {"{site}": chance.choice(SITES), "{model}": chance.choice(MODELS)}
    said: Spoken = [(0, Beat(asker, _question(place, ask, slots)))]
    texts = chance.sample(lines, len(willing))
    answers: list[tuple[Ref, str]] = []
    for who, text in zip(willing, texts, strict=True):
        at = said[-1][0] + chance.randrange(20, hours * 60) * 60_000
        answers.append((Ref(len(said)), who))
        said.append((at, Beat(who, _reply(text, slots))))
    return said + _thanks(said[-1][0], asker, answers, chance)


def _thanks(at: int, asker: str, answers: Sequence[tuple[Ref, str]], chance: Random) -> Spoken:
    """The first answer is often accepted, and now and then others say that it helped them too."""
    if not answers or chance.random() < 0.2:
        return []
    best, author = answers[0] if chance.random() < 0.75 else answers[-1]
    found: Spoken = []
    accept = {"do": "answer.accept", "question": Ref(0), "answer": best}
    found.append((at + HOUR_MS, Beat(asker, accept)))
    readers = [one.id for one in people() if one.id not in (asker, author)]
    for number, reader in enumerate(chance.sample(readers, chance.randrange(4))):
        reaction = "solved" if number == 0 else "helpful"
        thank = {"do": "reaction.set", "target": best, "reaction": reaction, "on": True}
        found.append((at + (number + 2) * HOUR_MS, Beat(reader, thank)))
    return found


def _question(place: str, ask: Ask, slots: dict[str, str]) -> dict[str, Any]:
    return {
        "do": "post.publish",
        "place": "c:" + place,
        "kind": "question",
        "title": _filled(ask.title, slots),
        "text": _filled(ask.text, slots),
        "topics": list(ask.topics),
    }


def _reply(text: str, slots: dict[str, str]) -> dict[str, Any]:
    return {"do": "reply.publish", "parent": Ref(0), "text": _filled(text, slots)}


def _bulletin(place: str, lead: str) -> Spoken:
    site = company.PERSON[lead].unit.split()[-1]
    text = f"News from {site}: the month's figures are on the board by the gate. Ask me anything."
    update = {"do": "post.publish", "place": "c:" + place, "kind": "update", "text": text}
    return [(0, Beat(lead, update))]


def _filled(text: str, slots: dict[str, str]) -> str:
    for slot, value in slots.items():
        text = text.replace(slot, value)
    return text
