"""tests/vectors/sdk: decisions both SDKs take alike, whatever language they are written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tap_client import frames
from tap_client.backoff import advised_seconds
from tap_client.choice import Choice, Remembered
from tap_client.errors import refused
from tap_client.gap import Gap
from tap_client.link import LinkEnded
from tap_client.link_requests import Posted, parsed, refusal
from tap_client.places import Places

from tests.unit.client.fake_node import event

VECTORS = Path(__file__).parents[2] / "vectors" / "sdk"


def stories(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return loaded


def about(story: dict[str, Any]) -> str:
    return str(story["about"])


@pytest.mark.parametrize("case", stories("backoff"))
def test_waits(case: dict[str, Any]) -> None:
    seconds = advised_seconds(case["attempt"], case["retry_ms"], lambda: case["chance"])
    assert int(seconds * 1000 + 0.5) == case["wait_ms"]


@pytest.mark.parametrize("story", stories("choice"), ids=about)
def test_transports(story: dict[str, Any]) -> None:
    known = Remembered(story["known"], 0) if "known" in story else None
    choice = Choice(known, story.get("age_ms", 0))
    for step in story["steps"]:
        match step["do"]:
            case "failed":
                assert choice.failed(step["how"]) is step["at_once"]
            case "welcomed":
                assert choice.welcomed() is step["news"]
            case "try_websocket":
                choice.try_websocket()
        assert choice.transport == step["transport"]
        assert step.get("patience_ms", choice.patience_ms) == choice.patience_ms
        assert step.get("again_ms", choice.again_ms) == choice.again_ms


@pytest.mark.parametrize("story", stories("gap"), ids=about)
def test_gaps(story: dict[str, Any]) -> None:
    gap = Gap()
    for step in story["steps"]:
        if "failed" in step:
            assert gap.failed(step["failed"]) == step["times"]
        else:
            assert gap.judge(step["frame"]) == step["verdict"]


@pytest.mark.parametrize("case", stories("refusals"), ids=about)
def test_refused_requests(case: dict[str, Any]) -> None:
    posted = Posted(case["status"], parsed(case["body"].encode()), case.get("retry_after"))
    if "error" in case:
        said = refused(refusal(posted))
        assert {"code": said.code, "retry": said.retry} == case["error"]
        return
    with pytest.raises(LinkEnded) as ended:
        refusal(posted)
    end = ended.value.end
    assert {"code": end.code or 0, "retry_ms": end.retry_ms} == case["ends"]


@pytest.mark.parametrize("story", stories("places"), ids=about)
def test_places(story: dict[str, Any]) -> None:
    places = Places(None)
    for step in story["steps"]:
        _take(places, step)


def _take(places: Places, step: dict[str, Any]) -> None:
    match step["do"]:
        case "welcome":
            assert places.hello() == step["hello"]
            assert places.welcomed(step) == step.get("frames", [])
        case "watch":
            assert places.watch(step["channels"], step["since"]) == step["frame"]
        case "watching":
            assert places.watching(step["id"], step["refused"]) == step["frames"]
        case "event":
            happened = frames.event(event(step["position"], *step["channels"]))
            assert places.is_new(happened) is step["new"]
            if step["new"]:
                places.passed(happened)
            assert places.cursor == step["cursor"]
        case "mark":
            places.mark(step["cursor"])
        case _:
            places.reset(step["cursor"])
