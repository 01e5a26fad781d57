"""Acts made whole: rows joined with the content and the profiles they speak of, in one snapshot.

An act counts once all of it is here: the content, its author and the giver. Until then it waits as a
row, and is looked at again when one of them arrives, so the order of arrival changes nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from server.app import score_store
from server.app.score_parts import REPORTED, VOTERS, is_part, joined, ruling_act
from server.app.score_rows import Row
from server.app.score_welcome import in_time, welcome
from server.scoring.model import Act
from server.storage.reader import Snapshot

TITLE_CHARS = 80
"""What a ledger line shows of a post without a title."""


class Content(NamedTuple):
    kind: str
    author: str
    root: str
    at: int
    title: str
    topics: tuple[str, ...]
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
CROWD = Profile(0, 0, "", "")
"""Many together have no team and no country."""


class _Paper(msgspec.Struct):
    coauthors: tuple[str, ...] = ()


class _Praise(msgspec.Struct):
    behaviour: str = ""


class _Detail(msgspec.Struct):
    paper: _Paper = msgspec.field(default_factory=_Paper)
    praise: _Praise = msgspec.field(default_factory=_Praise)


_detail = msgspec.json.Decoder(_Detail).decode
_decode_topics = msgspec.json.Decoder(tuple[str, ...]).decode
NO_TOPICS = "[]"
NO_THREAD = ("", "")


class Desk:
    """Everything one batch looks up, each thing once; valid for one snapshot.

    ``public``: only profiles of the lane every region holds, so that each comes to the same."""

    def __init__(self, snapshot: Snapshot, *, public: bool = False) -> None:
        self.snapshot, self.public = snapshot, public
        self._contents: dict[str, Content] = {}
        self._profiles: dict[str, list[Profile]] = {}
        self._persons: dict[str, Person] = {}
        self._asked: set[str] = set()
        self._positions: dict[str, int] = {}
        self._rulings: list[Act] | None = None
        self._marked: dict[tuple[str, str], set[str]] = {}
        """(who asked, their thread) -> the replies they acted on, if it is their first post."""
        self._welcomes: dict[tuple[str, str], Act] = {}
        """(newcomer, reply) -> the act that welcomes it."""

    async def acts(self, rows: Sequence[Row]) -> list[Act]:
        """The acts that rows amount to by now, and all rulings; those that still wait are left out."""
        whole = [row for row in rows if not is_part(row)]
        whole += joined([row for row in rows if is_part(row)])
        await self._load(whole)
        await self._load_welcomes(whole)
        acts = [act for row in whole if (act := self._whole(row)) is not None]
        for pair in {(row.giver, row.content) for row in whole} & self._welcomes.keys():
            welcomed = self._judgement(self._welcomes[pair])
            acts += [welcomed] if welcomed else []
        return acts + await self._load_rulings()

    async def all_acts(self) -> list[Act]:
        """Every act that is whole by now, and all rulings."""
        return await self.acts(await score_store.all_acts(self.snapshot))

    async def replies_beside(self, rows: Sequence[Row]) -> dict[str, frozenset[str]]:
        """Which other replies rows may have made welcome or unwelcome -> the newcomer."""
        await self._load(rows)
        await self._load_welcomes(rows)
        found: dict[str, frozenset[str]] = {}
        for thread in {self._thread(row) for row in rows}:
            for content in self._marked.get(thread, ()):
                found[content] = found.get(content, frozenset()) | {thread[0]}
        return found

    async def at_home(self, names: Collection[str], region: str) -> set[str]:
        """Those of the persons whose home is the region."""
        await self._load_people(set(names))
        return {name for name in names if self._persons.get(name, NOBODY).home == region}

    def title(self, content: str) -> str:
        """What a line calls the content; empty once it was deleted or erased, and for a report."""
        known = self._contents.get(content)
        return known.title if known else ""

    def position(self, act: str) -> int:
        """This node's position of the event an act came from."""
        return self._positions[act]

    # -- one row ---------------------------------------------------------------------------------------

    def _whole(self, row: Row) -> Act | None:
        # Taking back, and what happened to a content, needs nothing looked up.
        act = _plain(row)
        return self._judgement(act) if row.author and row.data.on else act

    def _judgement(self, act: Act) -> Act | None:
        content = self._contents.get(act.content.removeprefix(REPORTED))
        giver = CROWD if act.giver == VOTERS else self._profile(act.giver, act.at)
        author = self._profile(act.author, act.at)
        if content is None or giver is None or author is None or not _fits(act, content):
            return None
        return act._replace(
            giver_unit=giver.unit,
            giver_country=giver.country,
            author_unit=author.unit,
            author_country=author.country,
            unscored=self._unscored(act, content),
            topics=self._topics(act.content),
        )

    def _unscored(self, act: Act, content: Content) -> str:
        if any(self._persons.get(name, NOBODY).bot for name in (act.giver, act.author)):
            return "bot"
        if act.kind == "report_upheld":
            return ""
        if content.kind == "announcement":
            return "announcement"
        return "coauthor" if act.giver in content.coauthors else ""

    def _topics(self, content: str) -> tuple[str, ...]:
        """A reply is about what its thread is about."""
        known = self._contents.get(content)
        root = self._contents.get(known.root) if known else None
        return root.topics if root else ()

    def _profile(self, person: str, at: int) -> Profile | None:
        """The profile in force at a moment: the highest revision by then, else the first there is; of its
        copies the one that says most."""
        known = self._profiles.get(person, [])
        if len(known) < 2:
            return known[0] if known else None
        by_then = [profile.rev for profile in known if profile.at <= at]
        rev = max(by_then, default=min(profile.rev for profile in known))
        return max([profile for profile in known if profile.rev == rev], key=_says)

    # -- look-ups --------------------------------------------------------------------------------------

    async def _load(self, rows: Sequence[Row]) -> None:
        self._positions |= {row.act: row.data.position for row in rows}
        posts = {row.content.removeprefix(REPORTED) for row in rows if row.author}
        await self._load_contents(posts)
        await self._load_contents(
            {self._contents[post].root for post in posts & self._contents.keys()}
        )
        await self._load_people({name for row in rows for name in (row.giver, row.author) if name})

    async def _load_contents(self, names: set[str]) -> None:
        new = names - self._asked
        self._asked |= new
        for post, kind, *rest in await score_store.posts(self.snapshot, new) if new else ():
            if kind:
                self._contents[post] = content_of(kind, *rest)

    async def _load_rulings(self) -> list[Act]:
        """A region rules on credits of those who are, or were, at home there (I7)."""
        if self._rulings is None:
            rows = await score_store.rulings(self.snapshot)
            homes = await score_store.ever_home(self.snapshot, {row.author for row in rows})
            self._rulings = [
                ruling_act(row)
                for row in rows
                if not row.author or (row.author, row.data.region) in homes
            ]
        return self._rulings

    def _thread(self, row: Row) -> tuple[str, str]:
        """(giver, thread) of an act on a reply in the giver's own thread, also of one taken back."""
        reply = self._contents.get(row.content)
        if reply is None or reply.root == row.content:
            return NO_THREAD
        root = self._contents.get(reply.root)
        return (row.giver, reply.root) if root and root.author == row.giver else NO_THREAD

    async def _load_welcomes(self, rows: Sequence[Row]) -> None:
        new = {self._thread(row) for row in rows} - self._marked.keys() - {NO_THREAD}
        if not new:
            return
        first = await score_store.first_posts(self.snapshot, {giver for giver, _ in new})
        self._marked |= {thread: set() for thread in new}
        ours = {(giver, root) for giver, root in new if first.get(giver) == root}
        if not ours:
            return
        roots, givers = {root for _, root in ours}, {giver for giver, _ in ours}
        marks = await score_store.marked_in(self.snapshot, roots, givers)
        await self._load(marks)
        by_thread: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for mark in marks:
            by_thread[self._thread(mark)].append(mark)
        for thread in ours:
            self._marked[thread] = {mark.content for mark in by_thread[thread]}
            self._welcome(thread, by_thread[thread])

    def _welcome(self, thread: tuple[str, str], marks: Sequence[Row]) -> None:
        newcomer, root = thread
        posted = self._contents[root].at
        replies = {
            post: reply.at
            for post in self._marked[thread]
            if (reply := self._contents[post]).author not in (newcomer, "")
            and not self._persons.get(reply.author, NOBODY).bot
            and in_time(posted, reply.at)
        }
        found = welcome([_plain(mark) for mark in marks], replies)
        if found is not None:
            act, mark = found
            self._welcomes[newcomer, act.content] = act
            self._positions[act.id] = self._positions[mark]

    async def _load_people(self, names: set[str]) -> None:
        new = names - self._profiles.keys()
        found: dict[str, list[Profile]] = defaultdict(list)
        for row in await score_store.profiles(self.snapshot, new):
            data = row.data
            if self.public and "/" in row.register:  # a copy in a narrower lane
                continue
            found[row.giver].append(Profile(row.rev, data.at, data.unit, data.country))
        self._profiles |= {name: found[name] for name in new}
        for person, home, bot in await score_store.persons(self.snapshot, new):
            self._persons[person] = Person(home, bool(bot))


def _says(profile: Profile) -> tuple[int, str, str]:
    return bool(profile.unit) + bool(profile.country), profile.unit, profile.country


def _plain(row: Row) -> Act:
    """The act as its event said it."""
    data = row.data
    return Act(
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


def _fits(act: Act, content: Content) -> bool:
    """Whether the act can be about the content: what an event says of other people's posts is not believed."""
    match act.kind:
        case "praised":
            return content.author == act.giver
        case "report_upheld":
            return content.author != act.author
        case _:
            return content.author == act.author


def content_of(
    kind: str,
    author: str,
    root: str,
    at: int,
    title: str,
    text: str,
    topics: str,
    detail: str | None,
) -> Content:
    """A post as scoring sees it; without a title its praise, or its first line, stands for one."""
    parts = _detail(detail) if detail else _Detail()
    first_line = (title or parts.praise.behaviour or text).strip().partition("\n")[0]
    if len(first_line) > TITLE_CHARS:
        first_line = first_line[: TITLE_CHARS - 1].rstrip() + "…"
    named = _decode_topics(topics) if topics != NO_TOPICS else ()
    return Content(kind, author, root, at, first_line, named, frozenset(parts.paper.coauthors))
