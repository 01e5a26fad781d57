"""What docs/scoring.md says, read so that tests can hold it against what the code does."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "scoring.md").read_text("utf-8")
_NUMBER = r"(−?\d[\d,]*(?:\.\d+)?)"


def section(number: str) -> str:
    """``3`` with all below it, or ``10.4``: from its heading to the next of the same level or above."""
    marks = "#" * (2 + number.count("."))
    begin = re.search(rf"^{marks} {re.escape(number)}\.? .*\n", TEXT, re.M)
    assert begin is not None, f"no section {number}"
    end = re.search(rf"^#{{2,{len(marks)}}} ", TEXT[begin.end() :], re.M)
    return TEXT[begin.end() :][: end.start() if end else None]


def worked(number: str) -> list[str]:
    """The worked examples of a section, each on one line."""
    paragraphs = section(number).split("\n\n")
    return [" ".join(one.split()) for one in paragraphs if one.startswith("Worked:")]


def figures(text: str, template: str) -> list[Decimal]:
    """The numbers that stand where the template has ``{}``; the words around them have to be there too."""
    pattern = re.escape(template).replace(r"\{\}", _NUMBER)
    found = re.search(pattern, text)
    assert found is not None, f"not written: {template}"
    return [number(one) for one in found.groups()]


def number(text: str) -> Decimal:
    return Decimal(text.replace("−", "-").replace(",", ""))


# -- its arithmetic --------------------------------------------------------------------------------------

_TERM = r"[\d.\s+·/()√^−]+"
_EQUATION = re.compile(rf"[\d(√−]{_TERM}(?:=\s{_TERM})+")


def equations(text: str) -> list[list[str]]:
    """Every ``a · b = c = d``, by sides."""
    found = [one.rstrip(" .(") for one in _EQUATION.findall(text)]
    return [[side.strip() for side in one.split("=")] for one in found]


def value(side: str) -> float:
    """What a side comes to. It holds digits and operators alone: ``_EQUATION`` lets nothing else in."""
    plain = re.sub(r"√(\d+)", r"(\1**0.5)", side)
    for written, meant in (("·", "*"), ("−", "-"), ("^", "**")):
        plain = plain.replace(written, meant)
    return float(eval(plain, {"__builtins__": {}}))


def places(side: str) -> int:
    """Decimals that a side is written with."""
    return len(side.rpartition(".")[2]) if "." in side else 0
