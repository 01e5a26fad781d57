"""``tap import``: convert, spread and load what another network held (docs/howto/import.md)."""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from server.domain.errors import Refused
from server.ops import config_file
from server.ops.commands.shared import Exit, fail, load
from server.ops.config import Config, ConfigError
from server.ops.core import StartError
from server.ops.importing import archives, files, homes, offline, route
from server.ops.importing.load import (
    REFUSALS_SHOWN_MAX,
    Outcome,
    Progress,
    Target,
    batches,
    fingerprint,
    send_all,
)
from server.ops.importing.report import Report

PathType = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PathType, metavar="PATHS...")
@click.option(
    "--from",
    "kind",
    type=click.Choice(list(archives.READERS)),
    default="tap",
    show_default=True,
    help="What the paths are: import files, or folders of an archive.",
)
@click.option("--system", default="", help="The archive's name, for ever; else the folder's name.")
@click.option("--prefix", default="", help="Begins the ids of the archive's people.")
@click.option("--community", default="", help="Name of the community of a question site.")
@click.option("--out", type=click.Path(path_type=Path), help="Only write an import file.")
@click.option("--to", "addresses", multiple=True, metavar="REGION=URL", help="Load; repeatable.")
@click.option("--token-file", type=PathType, help="A token for all, or lines REGION=TOKEN.")
@click.option("--home-rule", default="hash", help="zipf20, hash or a CSV file of id,region.")
@click.option("--regions", default="", help="Offline: all regions in order, such as in,de,br.")
@click.option("--progress", "progress_file", type=click.Path(path_type=Path), help="Resume by it.")
@click.option("--config", "config", type=PathType, help="Load into this stopped node's database.")
def command(
    paths: tuple[Path, ...],
    kind: str,
    system: str,
    prefix: str,
    community: str,
    out: Path | None,
    addresses: tuple[str, ...],
    token_file: Path | None,
    home_rule: str,
    regions: str,
    progress_file: Path | None,
    config: Path | None,
) -> None:
    """Read PATHS and write an import file (--out), load running regions (--to), or load this
    machine's own stopped node (neither; with --regions only what that node must write). Importing
    twice changes nothing."""
    report = Report()
    records = archives.read(kind, paths, archives.Names(system, prefix, community), report)
    try:
        if out is not None:
            click.echo(f"{files.write(out, records):,} records in {out}", err=True)
            finish(report, {})
        elif addresses:
            targets = parse_targets(addresses, token_file)
            rule = homes.rule(home_rule, list(targets))
            progress = Progress(progress_file, fingerprint(paths, home_rule, targets))
            outcomes = send_all(
                batches(records, rule), targets, progress, time.sleep, random.random, say
            )
            finish(report, outcomes)
        else:
            node = configuration(config)
            if regions:
                rule = homes.rule(home_rule, regions.split(","))
                records = route.only(node.node.region, records, rule)
            outcome = asyncio.run(offline.load(node, records, say))
            finish(report, {node.node.region: outcome})
    except Refused as refused:
        fail(refused.refusal.message)
    except (StartError, OSError) as error:
        fail(str(error), Exit.MACHINE)


import_command = command


def say(line: str) -> None:
    """Progress, for people who watch; a log file gets the report alone."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)


def parse_targets(addresses: Sequence[str], token_file: Path | None) -> dict[str, Target]:
    """The regions in the order given. Exits with a sentence when one is malformed."""
    targets: dict[str, Target] = {}
    pairs = [address.partition("=") for address in addresses]
    tokens = read_tokens(token_file, [region for region, _, _ in pairs])
    for region, equals, url in pairs:
        if not equals or not url.startswith(("http://", "https://")):
            fail(f"--to wants REGION=URL, such as in=https://tap.in.example.com: {region}")
        targets[region] = Target(region, url, tokens.get(region, tokens.get("", "")))
    return targets


def read_tokens(path: Path | None, regions: Iterable[str]) -> dict[str, str]:
    """Region -> token; the token for all the others under the empty name."""
    tokens: dict[str, str] = {}
    names = set(regions)
    for line in path.read_text("utf-8").split() if path else ():
        region, _, token = line.partition("=")
        tokens.update({region: token} if region in names else {"": line})
    return tokens


def configuration(path: Path | None) -> Config:
    """The stopped node to load: --config here, or the one of the whole program."""
    if path is None:
        return load().config
    try:
        return config_file.load(path, {}).config
    except ConfigError as error:
        fail(str(error), Exit.USAGE)


def finish(report: Report, outcomes: dict[str, Outcome]) -> None:
    """Print the report; end with "found" if anything was refused."""
    with contextlib.suppress(BrokenPipeError):
        click.echo("\r\x1b[K" if sys.stderr.isatty() else "", nl=False, err=True)
        for line in report.lines():
            click.echo(line)
        for region, outcome in outcomes.items():
            click.echo(
                f"to {region:<9} {outcome.new:>8,} new, {outcome.known:,} known before, "
                f"{len(outcome.refused):,} refused"
            )
    refusals = [refusal for outcome in outcomes.values() for refusal in outcome.refused]
    for refusal in refusals[:REFUSALS_SHOWN_MAX]:
        click.echo(f"tap: {refusal}", err=True)
    if len(refusals) > REFUSALS_SHOWN_MAX:
        click.echo(f"tap: … and {len(refusals) - REFUSALS_SHOWN_MAX:,} more", err=True)
    if refusals:
        sys.exit(Exit.FOUND)
