"""The command line ``tap``: a list of verbs, each loaded when it is called.

    tap init, serve, config, doctor, keys, roster, peers, lanes, forks, erasures, user, token, import, demo,
    rebuild, restored, digest, residency, tail, webhook, scores

Exit codes and the rule "one sentence, no traceback, for whatever is not our own bug" stand in
``commands/shared.py``.
"""

import importlib
import sys
import traceback
from typing import NamedTuple

import click

from server import __version__
from server.ops.commands.shared import Exit


class Verb(NamedTuple):
    """Where a verb lives and what it is for; so ``tap --help`` loads none of them."""

    module: str
    help: str
    attribute: str = "command"


VERBS: dict[str, Verb] = {
    "init": Verb("server.ops.commands.init", "Write a first configuration and this node's key."),
    "serve": Verb("server.ops.commands.serve", "Run the node until it is told to stop."),
    "config": Verb("server.ops.commands.config", "Print the values in effect, and their origin."),
    "doctor": Verb("server.ops.commands.doctor", "Look for what is wrong, and say what to do."),
    "keys": Verb("server.ops.commands.keys", "Print this node's public key, or draw the next one."),
    "roster": Verb("server.ops.commands.roster", "Say which regions there are, signed by two."),
    "peers": Verb("server.ops.commands.peers", "Print how the links to other regions are."),
    "lanes": Verb(
        "server.ops.commands.peers", "Print how far every lane is, here and at peers.", "lanes"
    ),
    "forks": Verb("server.ops.commands.forks", "Print lanes of which two histories were signed."),
    "erasures": Verb("server.ops.commands.erasures", "Print erasures and the receipts they lack."),
    "user": Verb(
        "server.ops.commands.user", "Add people; set passwords, roles, status; move them."
    ),
    "token": Verb("server.ops.commands.token", "Make a token for a device or a service."),
    "import": Verb("server.ops.importing.command", "Read posts and people of another network."),
    "demo": Verb("server.ops.demo.command", "Run three regions with people who talk, to try it."),
    "rebuild": Verb("server.ops.commands.rebuild", "Make or check the tables from the log."),
    "restored": Verb("server.ops.commands.restored", "Go on after a backup was put back."),
    "digest": Verb("server.ops.commands.digest", "Print a digest of what nodes must agree on."),
    "residency": Verb("server.ops.commands.residency", "Print what left, and if it was allowed."),
    "tail": Verb("server.ops.commands.tail", "Print events as they are committed."),
    "webhook": Verb("server.ops.commands.webhook", "Send events to other systems."),
    "scoring": Verb("server.ops.commands.scoring", "Work with contribution scoring."),
}


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command: click.Command = getattr(importlib.import_module(verb.module), verb.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])


@click.group(cls=Verbs, name="tap", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    envvar="TAP_CONFIG",
    metavar="FILE",
    help="The node's tap.toml. Otherwise TAP_CONFIG, ./tap.toml or /etc/tap/tap.toml.",
)
@click.version_option(__version__, prog_name="tap")
def cli(config: str | None) -> None:
    """Tap: a company's social network as federated regional servers."""


def main() -> None:
    """The program ``tap``."""
    try:
        cli()
    except Exception:
        traceback.print_exc()
        click.echo("tap: this is a bug in Tap; please report the lines above.", err=True)
        sys.exit(Exit.BUG)


if __name__ == "__main__":
    main()
