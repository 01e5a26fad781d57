"""``tap peers`` and ``tap lanes``: how links and lanes are, as the running node says."""

import contextlib
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from server.ops import keys, link_words
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.config import Config
from server.ops.doctor_facts import ask_operator, local_url
from server.ops.link_words import View

LOOK_SECONDS = 0.2
FOLLOW_SECONDS = 1.0

follow_option = click.option("--follow", is_flag=True, help="Look again each second until Ctrl-C.")


@click.command()
@click.option("--wait", default=0.0, help="Wait up to so many seconds until every link is live.")
@follow_option
@json_option
@click.pass_context
def command(ctx: click.Context, wait: float, follow: bool, as_json: bool) -> None:
    """Print what is wrong, then every link. Exit code 1 when one is not live, or a lane is forked."""
    config = quiet_config()
    if follow:
        _follow(config, _print_peers)
        return
    view = _view(config)
    deadline = time.monotonic() + wait
    while not _all_live(view) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        view = _view(config)
    if as_json:
        print_json(view["peers"])
    else:
        _print_peers(view)
    ctx.exit(Exit.DONE if _all_live(view) else Exit.FOUND)


@click.command()
@follow_option
@json_option
@click.pass_context
def lanes(ctx: click.Context, follow: bool, as_json: bool) -> None:
    """Print each lane of each origin: how far it is held, and which peers lack what. Exit code 1 for a fork."""
    config = quiet_config()
    if follow:
        _follow(config, _print_lanes)
        return
    view = _view(config)
    if as_json:
        print_json(view["lanes"])
    else:
        _print_lanes(view)
    ctx.exit(Exit.FOUND if any(lane["forked"] for lane in view["lanes"]) else Exit.DONE)


def _view(config: Config) -> View:
    view = _asked(config)
    if isinstance(view, str):
        fail(view, Exit.MACHINE)
    return view


def _asked(config: Config) -> View | str:
    """The running node's view, or why there is none."""
    try:
        answer = ask_operator(config, keys.load(Path(config.node.key_file)))
    except keys.KeyFileError as error:
        return str(error)
    if not answer.error and answer.said.get("region") == config.node.region:
        return answer.said
    names = ", ".join(peer.region for peer in config.peers) or "none"
    return (
        f"This node does not answer on {local_url(config)}, so nobody can say how its links are "
        f"(configured: {names}): {answer.error or 'another region answers'}."
    )


def _all_live(view: View) -> bool:
    return all(peer["state"] == "live" and not peer["forked"] for peer in view["peers"])


def _follow(config: Config, show: Callable[[View], None]) -> None:
    """The same screen again and again; whoever looks at it sees a fault within seconds."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            view = _asked(config)
            click.clear()
            click.echo(f"{config.node.region}  {datetime.now().astimezone():%H:%M:%S}\n")
            if isinstance(view, str):
                click.echo(view)  # it restarts, perhaps: go on looking
            else:
                show(view)
            time.sleep(FOLLOW_SECONDS)


def _print_peers(view: View) -> None:
    for said in link_words.said_of(view):
        click.echo(f"{'WRONG' if said.level == 'wrong' else 'warn '}  {said.words}")
    peers = view["peers"]
    if not peers:
        click.echo("No peers are configured.")
        return
    live = sum(peer["state"] == "live" for peer in peers)
    click.echo(f"{live} of {len(peers)} links are live.\n")
    rows = [link_words.peer_row(peer, view["now"]) for peer in peers]
    print_table(link_words.PEER_HEADS, rows)


def _print_lanes(view: View) -> None:
    print_table(
        link_words.LANE_HEADS, [link_words.lane_row(lane, view["now"]) for lane in view["lanes"]]
    )
