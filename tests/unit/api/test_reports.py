"""The moderators' list of reports, and the answer that says what of it was seen."""

from __future__ import annotations

from typing import Any

from tests.unit.api.site import Site


async def answer(site: Site, post: str, **more: Any) -> None:
    await site.node.do("asha", "flag.resolve", target=post, upheld=False, **more)


async def test_a_moderator_answers_what_they_saw(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    post = await node.post("asha", tea, "leaves")
    path = f"/communities/{tea[2:]}/reports"
    await node.do("bob", "flag.raise", target=post, reason="off topic")
    (looked,) = (await site.get(path, "asha"))["reports"]
    assert looked == {
        "post": post,
        "reasons": ["off topic"],
        "resolved": False,
        "upheld": False,
        "note": "",
        "seen": 1,
    }
    await node.do("admin", "flag.raise", target=post, reason="rude")
    await answer(site, post, note="no harm", seen=looked["seen"])
    (found,) = (await site.get(path, "asha"))["reports"]
    assert (found["resolved"], found["note"], found["seen"]) == (False, "no harm", 2)
    await answer(site, post, seen=found["seen"])
    (found,) = (await site.get(path, "asha"))["reports"]
    assert found["resolved"]
    assert (await site.get(path, "asha", open="true"))["reports"] == []


async def test_open_reports_alone_page_by_page(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    posts = sorted([await node.post("asha", tea) for _ in range(5)])
    path = f"/communities/{tea[2:]}/reports"
    for post in posts:
        await node.do("bob", "flag.raise", target=post, reason="off topic")
    await answer(site, posts[1])
    first = await site.get(path, "asha", open="true", limit=2)
    assert [one["post"] for one in first["reports"]] == [posts[0], posts[2]]
    rest = await site.get(path, "asha", open="true", limit=2, after=first["next"])
    assert ([one["post"] for one in rest["reports"]], rest["next"]) == (posts[3:], None)
    every = await site.get(path, "asha", open="false")
    assert [one["resolved"] for one in every["reports"]] == [False, True, False, False, False]
