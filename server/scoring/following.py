"""Ledgers that follow acts as they come: in any order, in any parts, as often as anybody likes.

A set of acts kept by content in front of ``running``, so that whoever has a stream of acts needs no store of
their own. What has come equals a replay of the same set (tests/unit/scoring/test_following.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from server.scoring.model import Act
from server.scoring.rules import Rulebook, quarter_of
from server.scoring.running import Changed, Running


class Following:
    """Holds every act that came, until ``keep`` lets go of some."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._running = Running(rulebook)
        self._on: dict[str, set[Act]] = defaultdict(set)
        self._in: dict[str, set[str]] = defaultdict(set)
        """Quarter -> contents acted on."""
        self._rulings: set[Act] = set()
        """Those that name people; what happened to a content lies with its acts."""

    def come(self, acts: Iterable[Act]) -> Changed:
        """The lines that these may have changed. A repeat changes nothing."""
        contents: set[str] = set()
        ruled: list[Act] = []
        for act in acts:
            if act.kind in self._rulebook.rulings and (act.giver or act.author):
                ruled.append(act)
            else:
                self._on[act.content].add(act)
                self._in[quarter_of(act.at)].add(act.content)
                contents.add(act.content)
        if ruled:
            self._rulings.update(ruled)
            self._running.rule(self._rulings)
            contents |= self._about(ruled)
        return self._running.put({content: self._on[content] for content in contents})

    def keep(self, since: str) -> None:
        """Forgets every quarter before this one: acts of it change no line any more, and a content that nobody acted
        on from then on is scored as if nobody ever had."""
        self._running.keep(since)
        old = [self._in.pop(name) for name in list(self._in) if name < since]
        for content in set[str]().union(*old).difference(*self._in.values()):
            self._on.pop(content, None)
        self._rulings = {act for act in self._rulings if not act.quarter or act.quarter >= since}

    def _about(self, rulings: Collection[Act]) -> set[str]:
        return {
            content
            for content, acts in self._on.items()
            if any(_is_about(ruling, act) for ruling in rulings for act in acts)
        }


def _is_about(ruling: Act, act: Act) -> bool:
    """What a ruling leaves empty may be anything."""
    return (
        ruling.giver in ("", act.giver)
        and ruling.author in ("", act.author)
        and ruling.content in ("", act.content)
    )
