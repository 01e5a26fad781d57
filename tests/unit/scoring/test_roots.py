"""A root is one for equal ledgers, another for any other, and a difference names its bucket."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.model import Act, Ledger
from server.scoring.roots import Difference, buckets, differences, root
from server.scoring.rules import shipped
from server.scoring.score import ledgers
from tests.unit.scoring.acts import DAY, LAST_DAY, act, act_sets, gone

BOOK = shipped()
ACTS = [
    act("helpful", "ben", "asha/1"),
    act("helpful", "chen", "asha/2", day=DAY + 1),
    act("accepted", "asha", "dora/1", day=DAY + 1),
]


def of(*acts: Act) -> list[Ledger]:
    return ledgers(acts, BOOK, LAST_DAY)


def test_the_root_of_known_ledgers() -> None:
    """Pinned: another implementation must print the same."""
    assert root(of(*ACTS)) == "3ee36876fc480a92429eaede8dfbdd0c5c3a6256cbfe957dc4e342a1fcd9091b"
    assert root([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_one_milli_point_makes_another_root_and_its_bucket_is_named() -> None:
    ours, theirs = of(*ACTS), of(*ACTS[:2], ACTS[2]._replace(kind="solved"))
    assert root(ours) != root(theirs)
    assert differences(buckets(ours), buckets(theirs)) == [
        Difference("dora", DAY + 1, 15_000, 8_000)
    ]


def test_a_line_that_only_one_side_has_is_named_too() -> None:
    ours, theirs = of(*ACTS), of(*ACTS[1:])
    assert differences(buckets(ours), buckets(theirs)) == [Difference("asha", DAY, 5_000, None)]
    lapsed = of(*ACTS, gone("deleted", "asha/1"))
    assert differences(buckets(theirs), buckets(lapsed)) == [Difference("asha", DAY, None, 0)]


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_no_order_changes_a_root(acts: list[Act], random: Random) -> None:
    found = of(*acts)
    mixed = random.sample(found, len(found))
    assert root(mixed) == root(found)
    assert differences(buckets(mixed), buckets(found)) == []


@given(acts=act_sets, other=act_sets)
def test_roots_differ_exactly_where_buckets_do(acts: list[Act], other: list[Act]) -> None:
    ours, theirs = of(*acts), of(*other)
    assert (root(ours) == root(theirs)) == (differences(buckets(ours), buckets(theirs)) == [])


@given(
    acts=act_sets,
    random=st.randoms(use_true_random=False),
    heal=st.integers(0, 19),
)
def test_twenty_nodes_cut_off_and_healed_have_one_root(
    acts: list[Act], random: Random, heal: int
) -> None:
    """Each act reaches some nodes, in any order and several times; then each hears all from another."""
    nodes: list[list[Act]] = [[] for _ in range(20)]
    for one in acts:
        for node in random.choices(nodes, k=random.randint(1, 5)):
            node.append(one)
    everybody = [one for node in nodes for one in node]
    whole = root(of(*acts))
    for node in (nodes[heal], nodes[0]):
        random.shuffle(everybody)
        healed = [*node, *everybody]
        assert of(*healed) == of(*acts)
        assert root(of(*healed)) == whole
