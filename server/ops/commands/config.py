"""``tap config``: every value in effect, where it came from, secrets redacted."""

import click

from server.ops import config_file
from server.ops.commands.shared import json_option, load, print_json, print_table


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the values in effect and where each came from: default, file or a variable's name."""
    loaded = load()
    rows = config_file.effective(loaded)
    if as_json:
        print_json({row.key: {"value": row.value, "origin": row.origin} for row in rows})
        return
    click.echo(f"# {loaded.path}")
    print_table(
        ("KEY", "VALUE", "ORIGIN"),
        [(row.key, config_file.as_toml(row.value), row.origin) for row in rows],
    )
