"""Boards, leaders and one's own impact among 30,000 people: how long the pages take, and what drawing them costs.

The company is written straight into the tables that the log would fold into; then the views are drawn as a node
draws them, and the pages are asked for over HTTP in this process, one at a time.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop

from server.app.views import Views
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT
from server.scoring.rules import DAY_MS, quarter_of
from server.storage import tables as t
from server.storage.sql import Tx, upsert
from tests.bench.figures import Figure, compare
from tests.bench.scoring.pages import page_figure, timed
from tests.support.node import START
from tests.unit.api.site import Site, found, open_site

PEOPLE = 30_000
COMMUNITIES = 300
QUESTIONS = 60_000
MARKS_MAX = 10
"""On one question; five on average."""
LINES = 2_000
LINES_DAYS = 540
"""The ledger that is asked for: five credits on every working day of a year and a half."""
REQUESTS = 2_000
SEED = 12
SPAN_DAYS = 25
"""All in one month: the most a board can have."""


class Company:
    """Few write and are thanked much, most a little: both follow a power law."""

    def __init__(self) -> None:
        self.random = Random(SEED)
        self.people = [f"p{n:05}" for n in range(PEOPLE)]
        self.communities = [f"01c{n:023}" for n in range(COMMUNITIES)]

    def person(self) -> str:
        return self.people[int(PEOPLE * self.random.random() ** 3)]

    def community(self) -> str:
        return self.communities[int(COMMUNITIES * self.random.random() ** 2)]

    def persons(self) -> Iterator[dict[str, Any]]:
        for n, person in enumerate(self.people):
            known = {"person": person, "home": "in", "name": f"Colleague {n}", "country": "IN"}
            rest = {"unit": f"unit {n % 900}", "skills": "[]", "timezone": "Asia/Kolkata"}
            yield blank(t.persons) | known | rest | {"rev": 1, "active": True}

    def places(self) -> Iterator[dict[str, Any]]:
        for n, name in enumerate(self.communities):
            known = {"community": name, "home": "in", "name": f"Place {n}", "visibility": "open"}
            yield blank(t.communities) | known | {"audience": "global", "mode": "programme"}

    def questions(self) -> Iterator[dict[str, Any]]:
        for n in range(QUESTIONS):
            name = f"01q{n:023}"
            yield blank(t.posts) | {
                "post": name,
                "kind": "question",
                "place": "c:" + self.community(),
                "root": name,
                "author": self.person(),
                "at": START + self.random.randrange(SPAN_DAYS * DAY_MS),
                "title": f"Question {n}?",
                "topics": json.dumps([f"t{n % 200:03}"]),
                "mentions": "[]",
                "detail": None,
            }

    def marks(self, posts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        position = 0
        for post in posts:
            for giver in {self.person() for _ in range(self.random.randrange(MARKS_MAX))}:
                position += 1
                data = {"kind": "helpful", "at": post["at"] + 1, "position": position}
                yield {
                    "act": f"helpful:{post['post']}:{giver}@1",
                    "giver": giver,
                    "author": post["author"],
                    "content": post["post"],
                    "quarter": quarter_of(post["at"]),
                    "data": json.dumps(data | {"public": True}),
                }


def blank(table: Any) -> dict[str, Any]:
    """A row that says nothing."""
    return {column.name: column.type.python_type() for column in table.c}


def profile(person: dict[str, Any]) -> dict[str, Any]:
    data = {"kind": "profile", "at": 0, "position": 1, "unit": person["unit"], "country": "IN"}
    act = {"act": f"person:{person['person']}@1", "giver": person["person"]}
    return blank(t.score_acts) | act | {"data": json.dumps(data)}


def line(n: int, post: dict[str, Any]) -> dict[str, Any]:
    at = post["at"] - n % LINES_DAYS * DAY_MS
    shown = {
        "act": str(n),
        "at": at,
        "kind": "helpful",
        "what": "Somebody found it helpful.",
        "content": post["post"],
        "content_title": post["title"],
        "by": None,
        "by_text": "a colleague",
        "base": 5,
        "factors": [],
        "milli_points": 5_000,
        "rules": "2026-1",
        "status": "counted",
        "status_text": "",
    }
    row = {"act": str(n), "person": "asha", "at": at, "milli_points": 5_000}
    return row | {"quarter": quarter_of(at), "line": json.dumps(shown)}


def fill(company: Company, tx: Tx) -> int:
    """How many acts there are."""
    people, posts = list(company.persons()), list(company.questions())
    marks = list(company.marks(posts))
    leaders = zip(company.communities, company.people[1000:], strict=False)
    tx.many(upsert(t.persons), people)
    tx.many(upsert(t.communities), company.places())
    tx.many(upsert(t.community_roles), [role(name, who) for name, who in leaders])
    tx.many(upsert(t.posts), posts)
    tx.many(upsert(t.score_acts), [*marks, *[profile(person) for person in people]])
    tx.many(upsert(t.credits_), [line(n, post) for n, post in enumerate(posts[:LINES])])
    choice = json.dumps({"boards": True})
    chosen = [{"person": name, "rev": 1, "choice": choice} for name in company.people]
    tx.many(upsert(t.scoring_choices), chosen)
    return len(marks)


def role(community: str, person: str) -> dict[str, Any]:
    known = {"community": community, "person": person, "role": "owner", "rev": 1}
    return blank(t.community_roles) | known


async def measure(site: Site) -> list[Figure]:
    node, company = site.node, Company()
    policy = msgspec.structs.replace(DEFAULT, scores="opt_in", boards="opt_in")
    await node.handler.append(partial(adopt, policy))
    acts = await node.handler.run(partial(fill, company))
    node.clock.advance((SPAN_DAYS + 1) * DAY_MS)
    views = Views(node.handler, node.reader, now=node.clock, scored=lambda: 1)
    began = time.process_time()
    await views.draw()
    drawn = time.process_time() - began
    leaders = company.people[1000 : 1000 + COMMUNITIES]
    topics = [f"t{n % 200:03}" if n % 2 else "" for n in range(REQUESTS)]
    boards = [f"/boards/{company.community()}?topic={topic}" for topic in topics]
    pages = {
        "board_page_p99": [await timed(site, path, "asha") for path in boards],
        "leader_page_p99": [
            await timed(site, "/leader", leaders[n % COMMUNITIES]) for n in range(REQUESTS)
        ],
        "impact_page_p99": [await timed(site, "/me/impact", "asha") for _ in range(REQUESTS // 4)],
    }
    figures = [compare("views_draw_cpu_us_per_act", "us", [1e6 * drawn / acts], {"acts": acts})]
    return figures + [page_figure(name, times) for name, times in pages.items()]


async def run(base: Path, own: Path) -> list[Figure]:
    async with open_site(own, await found(base)) as site:
        return await measure(site)


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as base, tempfile.TemporaryDirectory() as own:
        return uvloop.run(run(Path(base), Path(own)))
