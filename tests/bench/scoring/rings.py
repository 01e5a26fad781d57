"""What the factors leave of rings and of honest people, factor by factor: the table of docs/scoring.md 11.1."""

from importlib.resources import files

from server.scoring.rules import Rulebook, parse
from tests.bench.figures import Figure, at_least, at_most, compare
from tests.unit.scoring.ring_world import RINGS, World, ledgers_of, made, percentile, raw, totals

SEEDS = (1, 2, 3)
SPREADS = ("team", "teams", "countries")
STEPS = ((), ("pair",), ("pair", "unit"), ("pair", "unit", "mutual"))
ALL = ("pair", "unit", "mutual", "border")
_WRITTEN = 'factors = ["pair", "unit", "mutual", "border"]'


def figures() -> list[Figure]:
    """Rings sit in teams of one country while factors are added; then in one team, and over countries."""
    worlds = [made(seed) for seed in SEEDS]
    found = [_ring(15, "_and_".join(factors) or "raw", factors, worlds) for factors in STEPS]
    found += [_ring(size, "in_force", ALL, worlds) for size in RINGS]
    for spread in SPREADS:
        elsewhere = [made(seed, spread=spread) for seed in SEEDS]
        found.append(_ring(15, f"in_force_{spread}", ALL, elsewhere, goal=0.15))
    kept = [_kept(world, ALL) for world in worlds]
    before = [_kept(world, STEPS[-1]) for world in worlds]
    found.append(at_least("honest_credit_kept", "of raw", 0.85, kept))
    found.append(compare("honest_credit_kept_without_border", "of raw", before, {}))
    return found


def with_factors(factors: tuple[str, ...]) -> Rulebook:
    """The rules in force with some of their factors."""
    text = (files("server.scoring") / "rules" / "2026-1.toml").read_text("utf-8")
    names = ", ".join([f'"{name}"' for name in factors])
    return Rulebook((parse(text.replace(_WRITTEN, f"factors = [{names}]")),))


def _ring(
    size: int, name: str, factors: tuple[str, ...], worlds: list[World], goal: float | None = None
) -> Figure:
    runs = [_share(world, size, factors) for world in worlds]
    title, unit = f"ring_of_{size}_{name}", "of honest p99"
    return compare(title, unit, runs, {}) if goal is None else at_most(title, unit, goal, runs)


def _share(world: World, size: int, factors: tuple[str, ...]) -> float:
    found = totals(ledgers_of(world.acts, with_factors(factors)))
    best = percentile([found.get(name, 0) for name in world.others()], 99)
    return sum([found[name] for name in world.ring(size)]) / size / best


def _kept(world: World, factors: tuple[str, ...]) -> float:
    found = ledgers_of(world.acts, with_factors(factors))
    kept = totals(found)
    return sum([kept.get(name, 0) for name in world.others()]) / raw(found, world.others())
