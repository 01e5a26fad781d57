"""Client keys that another region's program wrote: repeats stay repeats, whatever it kept as the answer (I2)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from server.app.handle import Answer
from server.domain.decide import Decided, Draft
from server.domain.events import CarriedKey, PersonReleased
from server.domain.ids import Cursor
from server.domain.visibility import pair_lane
from tests.support.regions import Regions, open_regions

pack = msgspec.msgpack.encode


async def released_with(r: Regions, *answers: bytes) -> None:
    """Asha moves from Germany to India; what Germany says of her keys ``carried-<n>`` is said by hand."""
    await r["de"].do("admin-de", "person.hand_over", person="asha", to="in")
    told = [
        CarriedKey(key=f"carried-{n}", digest=b"", answer=answer, at=r["de"].clock.now)
        for n, answer in enumerate(answers)
    ]
    release = PersonReleased(person="asha", to="in", rev=1, keys=tuple(told))
    draft = Draft(pair_lane("de", "in"), "", release, (), new_rev=False)
    await r["de"].handler.append(lambda _facts, _context: Decided([draft], {}))
    await r.everywhere()
    assert await r.homes("asha") == {"in"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xc1",
        pack({"rev": 1}),
        pack([1]),
        pack([2**63, 1 << 32, {}]),
        pack([-1, 1 << 32, {}]),
        pack([1, -1, {}]),
        pack([1, 1 << 32, []]),
    ],
    ids=["none", "no MessagePack", "a map", "short", "beyond", "below", "no epoch", "no result"],
)
async def test_an_answer_that_cannot_be_read_is_an_empty_one(tmp_path: Path, answer: bytes) -> None:
    async with open_regions(tmp_path, "de", "fr", "in") as r:
        await r["de"].register("admin-de", "region_admin")
        await r["in"].register("admin-in", "region_admin")
        await r["de"].register("asha")
        await r.everywhere()
        good = pack([7, 1 << 32, {"rev": 3}])
        await released_with(r, answer, good)
        wish = {"name": "Asha"}
        again = await r["in"].try_do("asha", "profile.change", "carried-0", **wish)
        assert isinstance(again, Answer)
        assert (again.repeated, again.result) == (True, {})
        assert Cursor.parse(again.cursor).position == 0
        known = await r["in"].try_do("asha", "profile.change", "carried-1", **wish)
        assert isinstance(known, Answer)
        assert (known.repeated, known.result, known.position) == (True, {"rev": 3}, 7)
        # Nor does it hold anybody where they are.
        await r["in"].do("admin-in", "person.hand_over", person="asha", to="fr")
        await r.everywhere()
        assert await r.homes("asha") == {"fr"}
