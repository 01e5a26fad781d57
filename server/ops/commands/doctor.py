"""``tap doctor``: what is wrong here, why, and what to do."""

import asyncio

import click

from server.ops import doctor, doctor_checks, doctor_facts
from server.ops.commands.shared import Exit, json_option, print_json, quiet_config

_MARKS = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}


@click.command()
@click.option("--quiet", is_flag=True, help="Print only what is not fine.")
@json_option
@click.pass_context
def command(ctx: click.Context, quiet: bool, as_json: bool) -> None:
    """Look at disk, clock, key, port, database and peers. Exit code 1 when something fails."""
    findings = doctor_checks.examine(asyncio.run(doctor_facts.collect(quiet_config())))
    worst = doctor.worst(findings)
    if as_json:
        print_json({"worst": worst, "findings": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            if not (quiet and finding.level == "ok"):
                _print(finding)
    ctx.exit(Exit.FOUND if worst == "failure" else Exit.DONE)


def _print(finding: doctor.Finding) -> None:
    click.echo(f"{_MARKS[finding.level]}  {finding.check:<20}  {finding.message}")
    if finding.remedy:
        click.echo(f"{'':28}{finding.remedy}")
