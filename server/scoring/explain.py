"""A ledger line in plain sentences, as a JSON map: why these points, step by step (docs/scoring.md 6).

The giver is named only where the act was public anyway (an accepted answer, praise); otherwise the
line says "a colleague", or "a colleague in another country".
"""

from typing import Any

from server.scoring.model import Act, Factor, Ledger, Line
from server.scoring.rules import ONE, Rulebook, day_of

_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def ordinal(k: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 22nd ..."""
    return f"{k}{'th' if k % 100 in (11, 12, 13) else _ORDINALS.get(k % 10, 'th')}"


def line_map(line: Line, rulebook: Rulebook, title: str = "") -> dict[str, Any]:
    """The line as people and clients get it; shape in docs/scoring.md section 6."""
    rules = rulebook.on(day_of(line.at))
    weight = rules.weights[line.kind]
    return {
        "act": line.act,
        "at": line.at,
        "kind": line.kind,
        "what": weight.text,
        "content": line.content,
        "content_title": title,
        "by": line.giver if weight.named else None,
        "by_text": line.giver if weight.named else weight.by or _colleague(line),
        "base": line.base,
        "factors": [_factor_map(factor) for factor in line.factors],
        "milli_points": line.milli_points,
        "rules": line.rules,
        "status": line.status,
        "status_text": status_text(line, rulebook),
        "topics": list(line.topics),
    }


def _colleague(line: Line) -> str:
    return "a colleague in another country" if line.abroad else "a colleague"


def status_text(line: Line, rulebook: Rulebook) -> str:
    """Why a line does not count; empty for one that does."""
    return rulebook.on(day_of(line.at)).statuses[line.ruling].text if line.ruling else ""


def _factor_map(factor: Factor) -> dict[str, Any]:
    return {
        "name": factor.name,
        "factor_text": factor_text(factor),
        "reason": reason(factor),
        "milli": factor.milli,
    }


def factor_text(factor: Factor) -> str:
    """``× 1/2``, ``× 1/√3`` where a version's tables say that, else ``× 0.73``: cut, never rounded up, at two
    decimals."""
    fixed, k = factor.fixed, factor.ordinal
    match factor.name:
        case "pair" if abs(fixed * k - ONE) <= k:
            return f"× 1/{k}"
        case "unit" if abs(fixed * fixed * k - ONE * ONE) <= 2 * k * ONE:
            return f"× 1/√{k}"
        case _:
            hundredths = fixed * 100 // ONE
            return f"× {hundredths // 100}.{hundredths % 100:02}"


def reason(factor: Factor) -> str:
    """One sentence a person understands without knowing the rules."""
    match factor.name:
        case "pair":
            return f"The {ordinal(factor.ordinal)} credit from the same colleague this quarter."
        case "unit":
            return f"The {ordinal(factor.ordinal)} person of the same team to credit this."
        case "mutual":
            return "You two credit each other a lot; this may still change until the quarter ends."
        case "border":
            return "It was of use in another country."
        case "cap":
            return "Acts of this kind give only so many points a day."
        case name:
            return name


def ledger_map(ledger: Ledger, rulebook: Rulebook) -> dict[str, Any]:
    """A whole ledger as one JSON map."""
    plain = ledger._asdict()
    return {**plain, "lines": [line_map(line, rulebook) for line in ledger.lines]}


def act_map(act: Act) -> dict[str, Any]:
    """An act as one line of an acts file, defaults left out."""
    defaults = Act._field_defaults
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in act._asdict().items()
        if name not in defaults or value != defaults[name]
    }
