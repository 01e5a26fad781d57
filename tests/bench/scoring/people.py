"""Who knows among 30,000 people: how long the pages take, and what keeping them costs.

The company is written straight into the tables that the log would fold into; everything after that is the node's
own: the consumer reads it all in, and the pages are asked for over HTTP in this process, one at a time.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import uvloop
from msgspec.structs import asdict

from server.app.experts import Experts
from server.app.score_rows import Data, Row, to_columns
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.scoring.rules import DAY_MS, quarter_of
from server.storage import tables as t
from server.storage.sql import Tx, upsert
from tests.bench.figures import Figure, compare
from tests.bench.scoring.pages import page_figure, timed
from tests.support.node import START
from tests.unit.api.site import Site, found, open_site

PEOPLE = 30_000
TOPICS = 300
QUESTIONS = 40_000
ANSWERS_MAX = 6
"""To one question; three on average."""
REQUESTS = 2_000
SEED = 11
SPAN_DAYS = 700


class Company:
    """Few ask and answer much, most a little: the busiest one in 170 times, half of all people one time in four."""

    def __init__(self, place: str) -> None:
        self.place, self.random = place, Random(SEED)
        self.people = [f"p{n:05}" for n in range(PEOPLE)]

    def person(self) -> str:
        return self.people[int(PEOPLE * self.random.random() ** 2)]

    def topic(self) -> str:
        return f"t{int(TOPICS * self.random.random() ** 2):03}"

    def persons(self) -> Iterator[dict[str, Any]]:
        for n, person in enumerate(self.people):
            empty = {column.name: "" for column in t.persons.c if column.type.python_type is str}
            yield empty | {
                "person": person,
                "home": "in",
                "name": f"Colleague {n}",
                "unit": f"unit {n % 900}",
                "country": "IN",
                "timezone": "Asia/Kolkata",
                "skills": "[]",
                "bot": False,
                "active": True,
                "rev": 1,
                "status_rev": 0,
                "home_rev": 1,
                "local_position": 0,
            }

    def threads(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Each question with its answers."""
        for n in range(QUESTIONS):
            at = START - self.random.randrange(SPAN_DAYS) * DAY_MS
            topics = sorted({self.topic() for _ in range(self.random.randint(1, 3))})
            name = f"01q{n:023}"
            named = [self.person()] if n % 10 == 0 else []
            question = self._post(name, name, "question", self.person(), at, topics, named)
            answers = [
                self._post(f"01a{n:020}{k:03}", name, "answer", self.person(), at + k, [], [])
                for k in range(self.random.randint(0, ANSWERS_MAX))
            ]
            yield question, answers

    def _post(
        self, post: str, root: str, kind: str, author: str, at: int, topics: Any, mentions: Any
    ) -> dict[str, Any]:
        return {
            "post": post,
            "kind": kind,
            "place": self.place,
            "root": root,
            "parent": "" if post == root else root,
            "author": author,
            "at": at,
            "title": "",
            "text": "words",
            "topics": json.dumps(topics),
            "mentions": json.dumps(mentions),
            "lang": "",
            "detail": None,
            "source": "",
            "rev": 1,
            "edited_at": 0,
            "deleted": False,
            "erased": False,
            "local_position": 0,
        }

    def marks(self, answer: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Row]]:
        """Who found an answer useful: as the tables say it, and as the ledger's acts."""
        for giver in {self.person() for _ in range(self.random.randrange(3))}:
            target = answer["post"]
            row = {"target": target, "person": giver, "reaction": "solved", "emoji": "", "rev": 1}
            data = Data(kind="solved", at=answer["at"], position=1, public=True)
            act = f"solved:{target}:{giver}@1"
            quarter = quarter_of(answer["at"])
            yield row | {"on_": True}, Row(act, giver, answer["author"], target, quarter, data)


def _profile(person: dict[str, Any]) -> Row:
    data = Data(kind="profile", at=0, position=1, unit=person["unit"], country="IN")
    return Row(f"person:{person['person']}@1", person["person"], "", "", "", data)


def _fill(company: Company, tx: Tx) -> None:
    people = list(company.persons())
    choice = json.dumps({"experts": True, "milestones": True, "profile": True})
    tx.many(upsert(t.persons), people)
    chosen = [{"person": name, "rev": 1, "choice": choice} for name in company.people]
    tx.many(upsert(t.scoring_choices), chosen)
    acts = [_profile(person) for person in people]
    posts: list[dict[str, Any]] = []
    accepted: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for question, answers in company.threads():
        posts += [question, *answers]
        if answers and company.random.random() < 0.5:
            best = company.random.choice(answers)["post"]
            who = {"question": question["post"], "answer": best, "person": question["author"]}
            accepted.append(who | {"rev": 1, "source": ""})
        for row, act in (mark for answer in answers for mark in company.marks(answer)):
            marks.append(row)
            acts.append(act)
    tx.many(upsert(t.posts), posts)
    tx.many(upsert(t.acceptances), accepted)
    tx.many(upsert(t.reactions), marks)
    tx.many(upsert(t.score_acts), [to_columns(act) for act in acts])


async def _measure(site: Site) -> list[Figure]:
    node, random = site.node, Random(SEED)
    place = await node.community("asha", "Everybody")
    policy = ScoringPolicy(**asdict(DEFAULT) | {"scores": "opt_in"})
    await node.handler.append(partial(adopt, policy))
    company = Company(place)
    await node.handler.run(partial(_fill, company))
    experts = Experts(node.tap, node.handler, node.reader, now=node.clock)
    began = time.perf_counter()
    await experts.catch_up()
    taken_in = time.perf_counter() - began
    node.clock.advance(DAY_MS)
    began = time.perf_counter()
    await experts.catch_up()
    turned = time.perf_counter() - began
    figures = [
        compare("experts_take_in_threads_per_s", "threads/s", [QUESTIONS / taken_in], {}),
        compare("experts_day_turn_s", "s", [turned], {}),
    ]
    topics = [company.topic() for _ in range(REQUESTS)]
    chosen = [random.choice(company.people) for _ in range(REQUESTS // 2)]
    chosen += [company.person() for _ in range(REQUESTS // 2)]
    lists = [await timed(site, f"/experts?topic={topic}&ask=true", "asha") for topic in topics]
    pages = [await timed(site, f"/people/{person}/record", "asha") for person in chosen]
    return [
        *figures,
        page_figure("experts_page_p99", lists),
        page_figure("people_page_p99", pages),
    ]


async def _run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as base, tempfile.TemporaryDirectory() as own:
        async with open_site(Path(own), await found(Path(base))) as site:
            return await _measure(site)


def figures() -> list[Figure]:
    return uvloop.run(_run())
