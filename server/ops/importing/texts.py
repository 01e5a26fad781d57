"""Fitting other systems' texts into our bounds without losing any of them."""

from collections.abc import Iterable
from itertools import islice

from server.domain import limits
from server.ops.importing.report import Report

PART_CHARS_MAX = limits.POST_TEXT_CHARS_MAX


def parts(text: str, chars_max: int = PART_CHARS_MAX) -> list[str]:
    """The text in pieces that fit, cut at a blank line, else a line, else a space, else hard.

    Joined again, the pieces are the text; one piece is the rule."""
    pieces: list[str] = []
    while len(text) > chars_max:
        cut = _cut(text, chars_max)
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def _cut(text: str, chars_max: int) -> int:
    for gap in ("\n\n", "\n", " "):
        found = text.rfind(gap, 0, chars_max - len(gap) + 1)
        if found > 0:
            return found + len(gap)
    return chars_max


def titled(title: str, text: str, report: Report) -> tuple[str, str]:
    """(title, text): a title beyond the bound is shortened and stands whole above the text."""
    if len(title) <= limits.TITLE_CHARS_MAX:
        return title, text
    report.note("titles too long: shortened, and whole at the head of their text")
    return title[: limits.TITLE_CHARS_MAX - 1] + "…", f"**{title}**\n\n{text}"


def name(text: str, fallback: str, report: Report) -> str:
    """A person's or community's name within the bound; a blank one becomes ``fallback``."""
    text = " ".join(text.split()) or fallback
    if len(text) <= limits.NAME_CHARS_MAX:
        return text
    report.note("names too long: shortened")
    return text[: limits.NAME_CHARS_MAX - 1] + "…"


def topics(tags: Iterable[str], report: Report) -> tuple[str, ...]:
    """Tags as topics: no spaces, commas or hash signs, not too long, not too many."""
    made = dict.fromkeys(filter(None, ("-".join(_words(tag)) for tag in tags)))
    fitting = [topic for topic in made if len(topic) <= limits.TOPIC_CHARS_MAX]
    kept = tuple(islice(fitting, limits.TOPICS_PER_POST_MAX))
    if len(kept) < len(made):
        report.note("topics left out: too long, or too many on one post", len(made) - len(kept))
    return kept


def _words(tag: str) -> list[str]:
    return tag.replace(",", " ").replace("#", " ").lower().split()


def mentions(people: Iterable[str], report: Report) -> tuple[str, ...]:
    """Mentioned people, each once; the text still names those beyond the bound."""
    everyone = tuple(dict.fromkeys(people))
    kept = everyone[: limits.MENTIONS_PER_POST_MAX]
    if len(kept) < len(everyone):
        report.note("mentions beyond the bound: only in the text", len(everyone) - len(kept))
    return kept
