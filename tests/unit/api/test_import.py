"""Archives over HTTP: line by line, each judged for itself, and again without a change."""

from __future__ import annotations

import json
from typing import Any

from server.domain import limits
from server.domain.ids import derived_object_id
from tests.unit.api.site import Site

COMMUNITY = derived_object_id(1, "se", "community")


def line(**record: Any) -> str:
    return json.dumps({"source": {"system": "se", "id": record.pop("id")}, **record})


def archive(posts: int) -> list[str]:
    records = [
        line(**{"import": "person"}, id="p1", person="se.ann", name="Ann"),
        line(**{"import": "community"}, id="c1", community=COMMUNITY, name="Tea", at=1),
    ]
    for number in range(posts):
        post = derived_object_id(1, "se", str(number))
        records.append(
            line(
                **{"import": "post"},
                id=f"q{number}",
                post=post,
                author="se.ann",
                community=COMMUNITY,
                kind="question",
                at=number + 1,
                text="why?",
                title=f"Question {number}",
            )
        )
    return records


async def send(site: Site, lines: list[str], person: str = "admin", **more: Any) -> Any:
    body = "\n".join(lines).encode()
    response = await site.ask("POST", "/import", person, content=body, **more)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_archive_is_taken_once(site: Site) -> None:
    lines = archive(300)  # several jobs of the writer
    assert await send(site, lines) == {"new": 302, "known": 0, "refused": []}
    before = site.node.tap.position
    assert await send(site, lines) == {"new": 0, "known": 302, "refused": []}
    assert site.node.tap.position == before
    page = await site.get(f"/communities/{COMMUNITY}/posts", "asha", limit=100)
    assert len(page["order"]) == 100
    assert page["posts"][page["order"][0]]["source"] == {"system": "se", "id": "q299"}


async def test_a_bad_line_is_named_and_the_others_stand(site: Site) -> None:
    good = archive(1)
    lines = [good[0], "", "{", good[1], '{"import":"ghost"}', good[2], '{"import":"person"}']
    answer = await send(site, lines)
    assert answer["new"] == 3
    assert [(one["line"], one["code"]) for one in answer["refused"]] == [
        (3, "bad_encoding"),
        (5, "unknown_kind"),
        (7, "bad_value"),
    ]


async def test_a_service_token_imports(site: Site) -> None:
    assert (await send(site, archive(0), "bob", kind="service"))["new"] == 2


async def test_an_empty_archive_is_no_error(site: Site) -> None:
    assert await send(site, []) == {"new": 0, "known": 0, "refused": []}


async def test_too_much_at_once_is_refused_whole(site: Site) -> None:
    body = b" " * (limits.IMPORT_BODY_BYTES_MAX + 1)
    assert await site.refused("POST", "/import", "admin", content=body) == (413, "too_large")
    lines = b"\n" * 20_000
    assert await site.refused("POST", "/import", "admin", content=lines) == (413, "too_large")


async def test_a_node_that_cannot_write_refuses_each_line_as_retryable(site: Site) -> None:
    await site.get("/me", "admin")
    site.node.handler.read_only = "the disk reported an error"
    answer = await send(site, archive(1))
    assert answer["new"] == 0
    assert {one["code"] for one in answer["refused"]} == {"read_only"}
