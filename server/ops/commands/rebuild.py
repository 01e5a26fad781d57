"""``tap rebuild``: the tables are folds of the log; make them anew, or check that they are."""

from pathlib import Path

import click

from server.ops import lock
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.core import StartError, explained
from server.ops.place import database_url
from server.storage import migrate, rebuild


@click.command()
@click.option("--check", is_flag=True, help="Compare only; exit code 1 when something differs.")
@json_option
@click.pass_context
def command(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Fold the whole log anew into the tables. The node must be stopped."""
    config = quiet_config()
    require_database(config)
    try:
        with lock.hold(Path(config.node.data_dir), "rebuild"), explained(config):
            migrate.upgrade(database_url(config))
            report = rebuild.rebuild(database_url(config), check=check)
    except lock.Locked as error:
        fail(f"{error} Stop it first: the tables change under a running node.", Exit.MACHINE)
    except (lock.NotOwner, StartError) as error:
        fail(str(error), Exit.MACHINE)
    if as_json:
        print_json({"events": report.events, "different": list(report.different), "check": check})
    else:
        click.echo(_said(report, check))
    ctx.exit(Exit.FOUND if check and report.different else Exit.DONE)


def _said(report: rebuild.Report, check: bool) -> str:
    if not report.different:
        return f"All tables are what their {report.events} events say."
    names = ", ".join(report.different)
    if check:
        return f"{names}: not what the log says. Run `tap rebuild` to make them anew."
    return f"Made anew from {report.events} events; changed: {names}."
