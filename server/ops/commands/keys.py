"""``tap keys``: the public half of the node's identity."""

from pathlib import Path

import click

from server.ops import keys
from server.ops.commands.shared import Exit, fail, json_option, load, print_json


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the public key which peers write into their configuration."""
    config = load().config
    try:
        public = keys.public_text(keys.load(Path(config.node.key_file)))
    except keys.KeyFileError as error:
        fail(str(error), Exit.MACHINE)
    if as_json:
        print_json({"region": config.node.region, "public_key": public})
    else:
        click.echo(public)
