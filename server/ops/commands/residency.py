"""``tap residency``: what left this region, and whether it was allowed to, from the log itself."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import click
import msgspec

from server.app.residency import Held, Left, Own, OwnLog, Reach, check, destinations
from server.domain.ids import hlc_millis
from server.ops.commands.shared import (
    Exit,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.config import Config

T = TypeVar("T")


class Day(click.ParamType[int]):
    """A UTC day as its first millisecond."""

    name = "day"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no day such as 2026-05-03")
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


@click.group()
def command() -> None:
    """Print what left this region on a day, and check that it was allowed to."""


@command.command()
@click.option("--day", type=Day(), required=True, help="A UTC day, such as 2026-05-03.")
@click.option("--to", default="", metavar="REGION", help="Only what this region may have.")
@click.option("--events", is_flag=True, help="Print each event as a JSON line; private ones too.")
@json_option
def report(day: int, to: str, events: bool, as_json: bool) -> None:
    """What other regions may have received of this region's events of one day."""
    config = quiet_config()
    left, held = _run(config, lambda log: _left(log, day, to, events))
    if events:
        return
    if as_json:
        print_json({"policies": [_policy(one) for one in held], "left": _plain(left)})
        return
    for one in held:
        click.echo(_policy_line(one))
    print_table(
        ("REGION", "EVENTS", "BYTES", "PEOPLE", "LANES", "TYPES"),
        [
            (region, it.events, it.bytes, len(it.people), _counts(it.lanes), _counts(it.types))
            for region, it in sorted(left.items())
        ],
    )


async def _left(log: OwnLog, day: int, to: str, events: bool) -> tuple[dict[str, Left], list[Held]]:
    """By region, and the policies that held; with ``events`` each is printed as it comes."""
    policies = await log.policies()
    left: dict[str, Left] = {}
    held: dict[int, Held] = {}
    async for page in log.pages(day):
        for own in page:
            policy = policies.at(own.id.epoch, own.hlc)
            regions = destinations(own, policy)
            if to:
                regions &= {to}
            if regions and events:
                click.echo(json.dumps(_event(own, regions), ensure_ascii=False))
            for region in regions:
                held[policy.rev] = policy
                left.setdefault(region, Left()).add(own)
    return left, [held[rev] for rev in sorted(held)]


@command.command(name="check")
@click.option("--day", type=Day(), help="Only this UTC day.")
@json_option
@click.pass_context
def check_command(ctx: click.Context, day: int | None, as_json: bool) -> None:
    """Judge each event by the policy that held. Exit code 1 when one is where it should not be."""
    config = quiet_config()
    verdict = _run(config, lambda log: check(log, day))
    if as_json:
        print_json(
            {
                "judged": verdict.judged,
                "unjudged": verdict.unjudged,
                "wrong": [wrong._asdict() for wrong in verdict.wrong],
            }
        )
    else:
        for wrong in verdict.wrong:
            click.echo(f"{wrong.id}  {wrong.type}  {_time(wrong.at)}  {wrong.why}")
        click.echo(
            f"{verdict.judged} events judged, {len(verdict.wrong)} not where they should be; "
            f"{verdict.unjudged} have no body any more, or one for a later version."
        )
    ctx.exit(Exit.FOUND if verdict.wrong else Exit.DONE)


def _run(config: Config, work: Callable[[OwnLog], Awaitable[T]]) -> T:
    reach = Reach(tuple(sorted(config.regions)), config.lanes.groups)
    return look(config, lambda reader: work(OwnLog(reader, config.node.region, reach)))


# -- words ---------------------------------------------------------------------------------------------


def _event(own: Own, regions: frozenset[str]) -> dict[str, Any]:
    body = None if own.event is None else msgspec.to_builtins(own.event)
    return {
        "id": str(own.id),
        "type": own.type,
        "at": hlc_millis(own.hlc),
        "by": own.actor,
        "bytes": own.size,
        "to": sorted(regions),
        "body": body,
    }


def _plain(left: dict[str, Left]) -> dict[str, Any]:
    return {
        region: {
            "events": it.events,
            "bytes": it.bytes,
            "people": sorted(it.people),
            "lanes": dict(sorted(it.lanes.items())),
            "types": dict(sorted(it.types.items())),
        }
        for region, it in sorted(left.items())
    }


def _policy(held: Held) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(held.policy)
    return {"rev": held.rev, "since": held.since} | plain


def _policy_line(held: Held) -> str:
    fields = ", ".join(held.policy.profile) or "no field of a profile"
    lanes = ", ".join(held.policy.audiences) or "no lane"
    groups = "".join(
        f"; {name} also {', '.join(more)}" for name, more in sorted(held.policy.in_groups.items())
    )
    since = f"since {_time(held.since)}" if held.since else "before the first was written"
    return f"Policy {held.rev} {since}: {fields} to all{groups}; content in {lanes}."


def _counts(counter: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
