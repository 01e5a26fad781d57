"""Acts made whole: rows joined with the content and the profiles they speak of, in one snapshot.

An act counts once all of it is here: the content, its author and the giver. Until then it waits as a
row, and is looked at again when one of them arrives, so the order of arrival changes nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from server.app import score_store
from server.app.score_acts import Row
from server.scoring.model import Act
from server.storage.reader import Snapshot

TITLE_CHARS = 80
"""What a ledger line shows of a post without a title."""


class Content(NamedTuple):
    kind: str
    author: str
    title: str
    coauthors: frozenset[str]


class Profile(NamedTuple):
    """What somebody's unit and country were from a moment on."""

    rev: int
    at: int
    unit: str
    country: str


class Person(NamedTuple):
    home: str
    bot: bool


NOBODY = Person("", False)


class _Paper(msgspec.Struct):
    coauthors: tuple[str, ...] = ()


class _Praise(msgspec.Struct):
    behaviour: str = ""


class _Detail(msgspec.Struct):
    paper: _Paper = msgspec.field(default_factory=_Paper)
    praise: _Praise = msgspec.field(default_factory=_Praise)


_detail = msgspec.json.Decoder(_Detail).decode


class Desk:
    """Everything one batch looks up, each thing once; valid for one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._contents: dict[str, Content] = {}
        self._profiles: dict[str, list[Profile]] = {}
        self._persons: dict[str, Person] = {}
        self._asked: set[str] = set()
        self._positions: dict[str, int] = {}

    async def acts(self, rows: Sequence[Row]) -> list[Act]:
        """The acts that rows amount to by now; those that still wait are left out."""
        await self._load_contents({row.content for row in rows if row.author})
        await self._load_people({name for row in rows for name in (row.giver, row.author) if name})
        self._positions |= {row.act: row.data.position for row in rows}
        return [act for row in rows if (act := self._whole(row)) is not None]

    async def at_home(self, names: Collection[str], region: str) -> set[str]:
        """Those of the persons whose home is the region."""
        await self._load_people(set(names))
        return {name for name in names if self._persons.get(name, NOBODY).home == region}

    def title(self, content: str) -> str:
        """What a line calls the content; empty once it was deleted or erased."""
        known = self._contents.get(content)
        return known.title if known else ""

    def position(self, act: str) -> int:
        """This node's position of the event an act came from."""
        return self._positions[act]

    # -- one row ---------------------------------------------------------------------------------------

    def _whole(self, row: Row) -> Act | None:
        data = row.data
        act = Act(
            id=row.act,
            register=row.register,
            rev=row.rev,
            on=data.on,
            kind=data.kind,
            giver=row.giver,
            author=row.author,
            content=row.content,
            at=data.at,
            public=data.public,
        )
        # Taking back, and what happened to a content, needs nothing looked up.
        return self._judgement(act) if row.author and data.on else act

    def _judgement(self, act: Act) -> Act | None:
        content = self._contents.get(act.content)
        giver, author = self._profile(act.giver, act.at), self._profile(act.author, act.at)
        if content is None or giver is None or author is None:
            return None
        # Praise is a post of the giver's about the author; all else is about a post of the author's.
        if content.author != (act.giver if act.kind == "praised" else act.author):
            return None
        return act._replace(
            giver_unit=giver.unit,
            giver_country=giver.country,
            author_unit=author.unit,
            author_country=author.country,
            unscored=self._unscored(act, content),
        )

    def _unscored(self, act: Act, content: Content) -> str:
        if any(self._persons.get(name, NOBODY).bot for name in (act.giver, act.author)):
            return "bot"
        if content.kind == "announcement":
            return "announcement"
        return "coauthor" if act.giver in content.coauthors else ""

    def _profile(self, person: str, at: int) -> Profile | None:
        """The profile in force at a moment: the highest revision by then, else the first there is; of its
        copies the one that says most."""
        known = self._profiles.get(person, [])
        if not known:
            return None
        by_then = [profile.rev for profile in known if profile.at <= at]
        rev = max(by_then, default=min(profile.rev for profile in known))
        return max([profile for profile in known if profile.rev == rev], key=_says)

    # -- look-ups --------------------------------------------------------------------------------------

    async def _load_contents(self, names: set[str]) -> None:
        new = names - self._asked
        self._asked |= new
        for post, kind, author, title, text, detail in await score_store.posts(self.snapshot, new):
            if kind:
                self._contents[post] = content_of(kind, author, title, text, detail)

    async def _load_people(self, names: set[str]) -> None:
        new = names - self._profiles.keys()
        found: dict[str, list[Profile]] = defaultdict(list)
        for row in await score_store.profiles(self.snapshot, new):
            data = row.data
            found[row.giver].append(Profile(row.rev, data.at, data.unit, data.country))
        self._profiles |= {name: found[name] for name in new}
        for person, home, bot in await score_store.persons(self.snapshot, new):
            self._persons[person] = Person(home, bool(bot))


def _says(profile: Profile) -> tuple[int, str, str]:
    return bool(profile.unit) + bool(profile.country), profile.unit, profile.country


def content_of(kind: str, author: str, title: str, text: str, detail: str | None) -> Content:
    """A post as scoring sees it; without a title its praise, or its first line, stands for one."""
    parts = _detail(detail) if detail else _Detail()
    first_line = (title or parts.praise.behaviour or text).strip().partition("\n")[0]
    if len(first_line) > TITLE_CHARS:
        first_line = first_line[: TITLE_CHARS - 1].rstrip() + "…"
    return Content(kind, author, first_line, frozenset(parts.paper.coauthors))
