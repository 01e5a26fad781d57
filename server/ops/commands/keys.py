"""``tap keys``: the public half of the node's identity, and its successor."""

from pathlib import Path

import click

from server.domain import limits
from server.ops import keys
from server.ops.commands.shared import Exit, fail, json_option, load, print_json, require_owner


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Print the public key which peers write into their configuration."""
    if ctx.invoked_subcommand:
        return
    config = load().config
    public = _public(Path(config.node.key_file))
    if as_json:
        print_json({"region": config.node.region, "public_key": public})
    else:
        click.echo(public)


@command.command()
def new() -> None:
    """Draw a key where there is none: the last one was lost, and its copies with it.

    Others believe it only once it is in the roster, or pinned in their [[peers]]."""
    config = load().config
    require_owner(config)
    path = Path(config.node.key_file)
    try:
        click.echo(keys.public_text(keys.generate(path)))
    except keys.KeyExists as error:
        fail(str(error), Exit.USAGE)
    except keys.KeyFileError as error:
        fail(str(error), Exit.MACHINE)


@command.command()
@json_option
def rotate(as_json: bool) -> None:
    """Draw this node's next signing key; a running node goes over to it within seconds.

    The node announces it to all regions, signed by the key it replaces, and uses it from then on."""
    config = load().config
    require_owner(config)
    path = Path(config.node.key_file)
    before, after = _public(path), _drawn(path)
    if as_json:
        print_json({"region": config.node.region, "public_key": after, "before": before})
    else:
        click.echo(
            f"The next key:\n  {after}\nThe node announces it, uses it and keeps the earlier one as "
            f"{path.name}.<id>: within seconds if it runs, else when it is started. The earlier key is "
            f"good for {limits.KEY_OVERLAP_DAYS} days more. Put a copy of {path} into the backup then."
        )


def _drawn(path: Path) -> str:
    try:
        return keys.public_text(keys.generate(keys.next_of(path)))
    except keys.KeyExists:
        fail("A next key is drawn already: start the node, and it goes over to it.", Exit.FOUND)
    except keys.KeyFileError as error:
        fail(str(error), Exit.MACHINE)


def _public(path: Path) -> str:
    try:
        return keys.public_text(keys.load(path))
    except keys.KeyFileError as error:
        fail(str(error), Exit.MACHINE)
