"""Every error code has its line in the protocol's pages, and the glossary gives each word one meaning."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from server.domain.errors import RETRYABLE, STATUS, Code

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page, without heads."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    split = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in cells] for cells in split if not set(cells[0]) <= set("-: |")]


def test_every_error_code_is_documented_with_its_status() -> None:
    """In docs/protocol/http.md: | `code` | status | what it means ... |."""
    written = {row[0].strip("`"): row[1:] for row in rows("protocol/http.md") if "`" in row[0]}
    for code in Code:
        assert code in written, f"{code} is missing in protocol/http.md"
        assert written[code][0] == str(STATUS[code]), f"{code} has status {STATUS[code]}"
        assert len(written[code]) > 1, f"{code} is not explained"
        assert all(written[code]), f"{code} is not explained"


def test_codes_that_may_be_sent_again_are_few_and_ours() -> None:
    assert all(STATUS[code] >= 429 for code in RETRYABLE)
    assert set(STATUS) == set(Code)


def test_the_glossary_gives_each_word_one_meaning() -> None:
    found = rows("glossary.md")[1:]
    words = Counter(word for row in found for word in row[0].split(", "))
    assert [word for word, count in words.items() if count > 1] == []
    assert all(len(row) == 2 and row[1] for row in found)
    assert len(found) >= 40
