"""The transcripts of tests/vectors/http, played against a node as any client could play them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.api.site import Site

FILE = Path(__file__).parents[2] / "vectors" / "http" / "transcripts.json"
TRANSCRIPTS = json.loads(FILE.read_text("utf-8"))["transcripts"]


def filled(value: Any, saved: dict[str, str]) -> Any:
    """``value`` with every ``{name}`` replaced by what an earlier step saved."""
    match value:
        case str():
            return re.sub(r"\{(\w+)\}", lambda found: saved[found[1]], value)
        case list():
            return [filled(part, saved) for part in value]
        case dict():
            return {filled(name, saved): filled(part, saved) for name, part in value.items()}
        case _:
            return value


def at(answer: Any, pointer: str) -> Any:
    """RFC 6901, as far as the transcripts need it; a missing member is None."""
    for part in pointer.split("/")[1:]:
        answer = answer[int(part)] if isinstance(answer, list) else answer.get(part)
        if answer is None:
            return None
    return answer


def body_of(step: dict[str, Any], saved: dict[str, str]) -> bytes | None:
    if "json" in step:
        return json.dumps(filled(step["json"], saved)).encode()
    if "hex" in step:
        return bytes.fromhex(step["hex"])
    if "repeat" in step:
        text, times = step["repeat"]
        return bytes(text, "utf-8") * times
    return None


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda one: one["name"])
async def test_a_transcript_plays(site: Site, transcript: dict[str, Any]) -> None:
    saved: dict[str, str] = {}
    for number, step in enumerate(transcript["steps"]):
        body = body_of(step, saved)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        response = await site.ask(
            step["method"],
            filled(step["path"], saved),
            step.get("as", ""),
            content=body,
            headers=headers,
        )
        answer = response.json()
        where = f"step {number}: {answer}"
        assert response.status_code == step["status"], where
        for pointer, expected in step.get("expect", {}).items():
            assert at(answer, filled(pointer, saved)) == filled(expected, saved), (pointer, where)
        for name, pointer in step.get("save", {}).items():
            saved[name] = str(at(answer, pointer))


def test_the_transcripts_refuse_for_many_reasons() -> None:
    codes = {
        step["expect"]["/error/code"]
        for transcript in TRANSCRIPTS
        for step in transcript["steps"]
        if step["status"] >= 400
    }
    assert codes >= {
        "bad_encoding",
        "bad_value",
        "unknown_kind",
        "too_large",
        "unauthenticated",
        "forbidden",
        "not_found",
        "key_reused",
        "bad_cursor",
        "gone",
    }
