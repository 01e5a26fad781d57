"""Erasures over HTTP: who sees which, and how far each is."""

from __future__ import annotations

from server.domain import events as e
from tests.support.node import START, ForeignLog
from tests.unit.api.site import Site


async def erased(site: Site, person: str, reason: str = "") -> str:
    place = await site.node.community(person, f"Of {person}", visibility="private")
    post = await site.node.post(person, place, "words")
    answer = await site.node.do(person, "content.erase", scope="post", target=post, reason=reason)
    return str(answer["requests"][0])


async def ids(site: Site, person: str, **query: object) -> list[str]:
    page = await site.get("/erasures", person, **query)
    return [one["id"] for one in page["erasures"]]


async def test_one_sees_ones_own_and_nobody_elses(site: Site) -> None:
    of_asha, of_bob = await erased(site, "asha"), await erased(site, "bob")
    assert await ids(site, "asha") == [of_asha]
    assert await ids(site, "bob") == [of_bob]
    assert await ids(site, "cleo") == []
    assert (await site.refused("GET", f"/erasures/{of_bob}", "asha")) == (404, "not_found")
    unknown = "01kdvdna01xxrz2dw23xegt3k5"
    assert (await site.refused("GET", f"/erasures/{unknown}", "asha")) == (404, "not_found")
    assert (await site.refused("GET", "/erasures/x", "asha")) == (404, "not_found")


async def test_who_sees_them_through_sees_all_of_the_region(site: Site) -> None:
    mine = [await erased(site, "asha"), await erased(site, "bob")]
    of_de = e.ErasureRequested(request="01kdvdna01xxrz2dw23xegt3k5", scope="post", target="p")
    log = ForeignLog("de", lane="control")
    await site.node.handler.apply(log.batch(START, ("dora", of_de)))
    await site.node.do("admin", "person.set_role", person="cleo", role="privacy_officer", on=True)
    for person in ("cleo", "admin"):
        assert sorted(await ids(site, person)) == sorted(mine)
        assert (await site.refused("GET", f"/erasures/{of_de.request}", person))[0] == 404
        assert (await site.get(f"/erasures/{mine[0]}", person))["erasure"]["by"] == "asha"


async def test_who_is_erased_by_an_officer_can_follow_it(site: Site) -> None:
    await site.node.do("admin", "person.set_role", person="cleo", role="privacy_officer", on=True)
    await site.node.post("bob", await site.node.community("bob"), "words")
    answer = await site.node.do("cleo", "content.erase", scope="person", target="bob")
    (request,) = answer["requests"]
    assert await ids(site, "bob") == [request]
    told = (await site.get(f"/erasures/{request}", "bob"))["erasure"]
    assert (told["scope"], told["target"], told["by"], told["posts"]) == (
        "person",
        "bob",
        "cleo",
        1,
    )


async def test_receipts_and_who_is_missing(site: Site) -> None:
    request = await erased(site, "asha", "by mistake")
    told = (await site.get(f"/erasures/{request}", "asha"))["erasure"]
    assert (told["regions"], told["receipts"], told["missing"]) == (2, [], ["de", "in"])
    assert told["reason"] == "by mistake"
    for region in ("de", "xx"):
        receipt = e.ErasureCompleted(request=request, region=region, bodies=4, by="asha")
        log = ForeignLog(region, lane="control")
        await site.node.handler.apply(log.batch(START, ("", receipt)))
    told = (await site.get(f"/erasures/{request}", "asha"))["erasure"]
    assert told["missing"] == ["in"]
    assert [(given["region"], given["bodies"]) for given in told["receipts"]] == [("de", 4)], (
        "nobody waits for xx"
    )


async def test_pages(site: Site) -> None:
    made = [await erased(site, "asha") for _ in range(5)]
    found, before = [], ""
    while before is not None:
        page = await site.get("/erasures", "asha", limit=2, before=before)
        found += [one["id"] for one in page["erasures"]]
        before = page["next"]
    assert found == made[::-1]
