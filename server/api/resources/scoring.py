"""The rules of scoring, for everybody to read."""

from typing import Any

from server.api.route import Call, NoQuery
from server.app.score_rules import rules_in_words
from server.storage.queries.shapes import Shape


class Rules(Shape, frozen=True, kw_only=True):
    """Every version, the newest first; days keep the one that was in force on them.

    ``fingerprint`` changes whenever any rule does. A version: its id and first day; what each kind of act is
    worth and the sentence for who receives it; what rulings do; the factors that apply; the daily cap; the
    half-life in days (0: none); from which milli-points of standing each level is held."""

    fingerprint: str
    versions: tuple[dict[str, Any], ...]


async def rules(_call: Call[NoQuery, None]) -> Rules:
    fingerprint, versions = rules_in_words()
    return Rules(fingerprint=fingerprint, versions=tuple(versions))
