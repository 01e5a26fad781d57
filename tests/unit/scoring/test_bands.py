"""One's place among colleagues, in bands that hold ten people each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.bands import BANDS, band_of, bands


def test_a_hundred_people_have_three_bands() -> None:
    found = bands(range(1, 101), 10)
    assert found is not None
    assert (found.people, found.floors) == (
        100,
        {"top_tenth": 91, "top_quarter": 76, "upper_half": 51},
    )
    assert [band_of(standing, found.floors) for standing in (91, 90, 76, 51, 50, 0)] == [
        "top_tenth",
        "top_quarter",
        "top_quarter",
        "upper_half",
        "",
        "",
    ]


def test_few_people_have_fewer_bands_or_none() -> None:
    assert bands(range(1, 20), 10) is None
    twenty = bands(range(1, 21), 10)
    assert twenty is not None
    assert list(twenty.floors) == ["upper_half"]
    assert bands([0] * 500 + [5] * 19, 10) is None


@given(st.lists(st.integers(0, 50), max_size=150), st.integers(10, 20))
def test_every_band_told_holds_k_people(standings: list[int], k: int) -> None:
    found = bands(standings, k)
    for floor in found.floors.values() if found else ():
        assert sum(standing >= floor for standing in standings) >= k
    assert found is None or found.people % 5 == 0
    assert list(BANDS.values()) == sorted(BANDS.values(), reverse=True)
