"""``tap scoring acts``: what the ledgers are computed from, as a file that the scoring module replays."""

import json

import click

from server.app.score_acts_file import Acts, acts_here, public_acts
from server.ops.commands.shared import look, quiet_config
from server.storage.reader import Reader


@click.command(name="acts")
@click.option("--public", is_flag=True, help="Only what the lanes that every region holds tell.")
def command(public: bool) -> None:
    """Print every act of scoring, one a line, as "python -m server.scoring replay" reads them.

    For the operator alone: it names who gave what to whom, which Tap shows to nobody. Works beside a
    running node."""
    config = quiet_config()

    async def read(reader: Reader) -> Acts:
        return await (public_acts(reader, config.node.region) if public else acts_here(reader))

    for act in look(config, read):
        click.echo(json.dumps(act, ensure_ascii=False))
