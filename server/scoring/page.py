"""A version of the rules as people read it: a map for clients, and the same as Markdown.

Nothing is said here that is not in the rules file; docs/scoring-rules.md is this page of the shipped
versions, and a test holds it to them.
"""

from typing import Any

from server.scoring.explain import ordinal
from server.scoring.knowledge import Expertise
from server.scoring.rules import Rulebook, Rules, at, date_of, scaled

ORDINALS_SHOWN = 5
"""How many of a series are told what they count."""
FACTOR_WORDS = {
    "pair": "thanks from one colleague saturate: in a quarter they count {pair} ...",
    "unit": "thanks from one team for one post saturate: they count {unit} ...",
    "mutual": "thanks inside a circle of people who thank each other a lot count less",
    "border": "thanks from another country count {border} times",
}


def rules_map(rules: Rules) -> dict[str, Any]:
    """One version without its tables, of which it says how far they reach.

    ``milli``: thousandths of points; ``share``: thousandths."""
    mutual, cap = rules.mutual, rules.cap
    return {
        "id": rules.id,
        "effective": date_of(rules.effective).isoformat(),
        "acts": [{"kind": kind, **weight._asdict()} for kind, weight in rules.weights.items()],
        "rulings": [{"kind": kind, **one._asdict()} for kind, one in rules.statuses.items()],
        "factors": list(rules.factors),
        "pair_shares": _shares(rules, "pair", rules.inverse),
        "pair_credits": _length(rules, "pair", rules.inverse),
        "unit_shares": _shares(rules, "unit", rules.inverse_sqrt),
        "mutual": {
            "threshold": mutual.threshold,
            "share": mutual.weight[0] * 1000 // mutual.weight[1],
            "prior": mutual.prior,
        }
        if "mutual" in rules.factors
        else None,
        "border_share": rules.border[0] * 1000 // rules.border[1],
        "cap": {"points": cap.points, "exempt": list(cap.exempt)} if cap else None,
        "half_life_days": rules.half_life_days,
        "floor_milli": rules.floor,
        "levels_milli": list(rules.levels),
        "expertise": _expertise(rules.expertise) if rules.expertise else None,
        "influence": {"days": rules.influence.days, "uses": list(rules.influence.uses)}
        if rules.influence.uses
        else None,
    }


def _expertise(one: Expertise) -> dict[str, int]:
    over, under = one.other_topics
    return {
        "half_life_days": one.half_life_days,
        "prior_answers": one.prior_answers,
        "other_topics_share": over * 1000 // under,
        "answers": one.answers,
        "askers": one.askers,
        "units": one.units,
    }


def _shares(rules: Rules, factor: str, table: tuple[int, ...]) -> list[int]:
    """What the first of a series count, in thousandths; none where the factor does not apply."""
    if factor not in rules.factors:
        return []
    return [scaled(1000, at(table, k)) for k in range(1, ORDINALS_SHOWN + 1)]


def _length(rules: Rules, factor: str, table: tuple[int, ...]) -> int:
    """How many credits of a series count something; 0: all do."""
    if factor not in rules.factors or table[-1]:
        return 0
    return len(table) - 1


def markdown(book: Rulebook) -> str:
    """All versions, the newest first, as a page."""
    parts = [_HEAD, *[_version(rules) for rules in reversed(book.versions)]]
    return "\n\n".join(parts) + "\n"


_HEAD = """# The rules of scoring

Written by the program from the rules files ([why they are so](scoring.md)); it is served at
`GET /api/v1/scoring/rules`. Days keep the version that was in force on them."""


def _version(rules: Rules) -> str:
    return "\n\n".join(
        [
            f"## {rules.id}, in force from {date_of(rules.effective).isoformat()}",
            "### What another person's act is worth\n\n" + _acts(rules),
            "### What happens to credits afterwards\n\n" + _rulings(rules),
            "### What changes the worth\n\n" + "\n".join([f"- {line}" for line in _factors(rules)]),
            "### Standing and levels\n\n" + "\n".join([f"- {line}" for line in _standing(rules)]),
            "### Who knows\n\n" + "\n".join([f"- {line}" for line in _knowledge(rules)]),
        ]
    )


def _acts(rules: Rules) -> str:
    rows = ["| Act | Points | Said to you | Giver named |", "|---|---|---|---|"]
    rows += [
        f"| `{kind}` | {w.points} | {w.text} | {'yes' if w.named else w.by or 'no'} |"
        for kind, w in rules.weights.items()
    ]
    return "\n".join(rows)


def _rulings(rules: Rules) -> str:
    rows = ["| Ruling | Status | Said to you |", "|---|---|---|"]
    rows += [f"| `{kind}` | {one.status} | {one.text} |" for kind, one in rules.statuses.items()]
    return "\n".join(rows)


def _factors(rules: Rules) -> list[str]:
    numbers = {
        "pair": _series(_shares(rules, "pair", rules.inverse)),
        "unit": _series(_shares(rules, "unit", rules.inverse_sqrt)),
        "border": f"{rules.border[0] / rules.border[1]:g}",
    }
    found = [f"`{name}`: {FACTOR_WORDS[name].format_map(numbers)}" for name in rules.factors]
    if last := _length(rules, "pair", rules.inverse):
        found.append(
            f"beyond the {ordinal(last)} credit of one colleague in a quarter nothing is added"
        )
    if "mutual" in rules.factors:
        found.append(
            f"a circle begins at {rules.mutual.threshold} each way in a quarter and takes up to "
            f"{rules.mutual.weight[0] * 100 // rules.mutual.weight[1]} % off"
        )
    kinds = [kind for kind, weight in rules.weights.items() if weight.outside_unit]
    if kinds:
        found.append(f"only from outside your team: {', '.join(kinds)}")
    if rules.cap:
        exempt = f", {', '.join(rules.cap.exempt)} aside" if rules.cap.exempt else ""
        found.append(f"all acts of a UTC day give {rules.cap.points} points at most{exempt}")
    return found or ["nothing: every act is worth its points"]


def _series(thousandths: list[int]) -> str:
    return ", ".join([_points(share) for share in thousandths])


def _standing(rules: Rules) -> list[str]:
    days = rules.half_life_days
    found = [f"what is {days} days old counts half" if days else "standing never decays"]
    if rules.floor is not None:
        found.append(f"no standing is shown below {_points(rules.floor)}")
    if rules.levels:
        steps = " · ".join([_points(level) for level in rules.levels])
        found.append(f"levels begin at {steps}")
    return found


def _knowledge(rules: Rules) -> list[str]:
    one, uses = rules.expertise, rules.influence
    kinds = ", ".join([f"`{kind}`" for kind in uses.uses])
    found = [f"influence counts {kinds} of the last {uses.days} days"] if kinds else []
    if one is None:
        return ["nobody is named as knowing about a topic", *found]
    over, under = one.other_topics
    return [
        f"an answer that is {one.half_life_days} days old counts half",
        f"an answer on another topic counts {over}/{under}",
        f"everybody begins with {one.prior_answers} answers of middling quality",
        f"an expert gave {one.answers} answers to {one.askers} people of {one.units} units",
        *found,
    ]


def _points(milli: int) -> str:
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")
