"""Every section of a protocol's page that code, tests or other pages cite is there, and sections are in order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "docs" / "protocol"
PAGES = {path.name: path.read_text("utf-8") for path in sorted(PROTOCOL.glob("*.md"))}
ROOM = (
    "server/realtime/",
    "tests/unit/realtime/",
    "tests/stress/",
    "tests/interop/",
    "tests/stateful/",
)
"""Where a bare "section" is one of client.md, as server/realtime/__init__.py says. Tests that cite the suite of
RFC 6455 by its own sections have it in their name."""
NUMBER = r"\d+(?:\.\d+)*"
NUMBERS = rf"{NUMBER}(?:(?:, | to | and | or ){NUMBER})*"
NAMED = re.compile(rf"(\w+\.md)\]?(?:\(\S+?\))?\)?,? (?:sections? )?\(?({NUMBERS})(?![\w%])")
BARE = re.compile(rf"(?<!\w)[Ss]ections? ({NUMBERS})")


def headings(page: str) -> list[str]:
    found = re.findall(rf"^#+ ({NUMBER})[. ]", PAGES[page], re.MULTILINE)
    return [number.rstrip(".") for number in found]


def sources() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "server", "tests", "clients", "docs", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if name.endswith((".py", ".ts", ".tsx", ".md")) and (ROOT / name).exists():
            yield name, (ROOT / name).read_text("utf-8")


def citations() -> Iterator[tuple[str, str, str]]:
    """(file, page, section), for each one that is cited."""
    for name, text in sources():
        found = [(page, numbers) for page, numbers in NAMED.findall(text) if page in PAGES]
        here = name.removeprefix("docs/protocol/")
        if here in PAGES:
            outside = NAMED.sub("", re.sub(rf"\([A-Z]\w+, sections? {NUMBERS}\)", "", text))
            found += [(here, numbers) for numbers in BARE.findall(outside)]
            found += [(here, number) for number in re.findall(rf"\(({NUMBER}\.\d+)\)", outside)]
        if name.startswith(ROOM) and "rfc" not in name:
            found += [("client.md", numbers) for numbers in BARE.findall(text)]
        for page, numbers in found:
            for number in re.findall(NUMBER, numbers):
                yield name, page, number


def test_a_cited_section_is_there() -> None:
    every = list(citations())
    assert len({number for _, page, number in every if page == "client.md"}) >= 20
    known = {page: set(headings(page)) for page in PAGES}
    assert [one for one in every if known[one[1]] and one[2] not in known[one[1]]] == []


@pytest.mark.parametrize("page", PAGES)
def test_sections_are_numbered_in_order(page: str) -> None:
    at = [0]
    for number in headings(page):
        parts = [int(part) for part in number.split(".")]
        deeper = at[: len(parts)] if len(parts) <= len(at) else [*at, 0]
        assert parts[:-1] == deeper[:-1], f"{number} follows {at}"
        # The federation page keeps places for sections that other work fills.
        ahead = parts[-1] - deeper[-1]
        assert ahead > 0 if page == "federation.md" else ahead == 1, f"{number} follows {at}"
        at = parts
