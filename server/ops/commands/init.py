"""``tap init``: a commented tap.toml, the node's key, and what to do next."""

from pathlib import Path
from typing import Any

import click

from server.ops import config_file, keys
from server.ops.commands.shared import Exit, fail, json_option, print_json
from server.ops.config import Config, ConfigError


@click.command()
@click.option("--region", required=True, help="Short lower-case code, such as de; for ever.")
@click.option("--name", required=True, help="The region's name, such as Germany.")
@click.option("--country", default="", help="Two capital letters; taken from the region if absent.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to.")
@click.option("--data-dir", default="data", help="Folder of the database; from --dir.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--public-url", help="Address people type, such as https://tap.example.com.")
@json_option
def command(region: str, name: str, folder: Path, as_json: bool, **given: Any) -> None:
    """Write tap.toml and draw this node's signing key. Nothing that exists is overwritten."""
    path = folder / "tap.toml"
    if path.exists():
        fail(f"{path} exists already: this folder holds a node. Nothing was changed.", Exit.USAGE)
    values = {"node.region": region, "node.name": name, **_chosen(given)}
    text = config_file.render(values)
    config = _checked(text, path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private = keys.generate(Path(config.node.key_file))
        path.write_text(text, encoding="utf-8")
    except keys.KeyFileError as error:
        fail(str(error), Exit.MACHINE)
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}.", Exit.MACHINE)
    public = keys.public_text(private)
    if as_json:
        print_json({"config": str(path), "key_file": config.node.key_file, "public_key": public})
    else:
        click.echo(_next_steps(path, config.node.key_file, public))


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    places = {
        "country": "node.country",
        "data_dir": "node.data_dir",
        "host": "http.host",
        "port": "http.port",
        "public_url": "http.public_url",
    }
    return {places[name]: value for name, value in given.items() if value not in (None, "")}


def _checked(text: str, path: Path) -> Config:
    """The file as the node will read it, before anything is written."""
    try:
        return config_file.parse(text, path.parent).config
    except ConfigError as error:
        fail(str(error), Exit.USAGE)


def _next_steps(path: Path, key_file: str, public: str) -> str:
    at = "" if path.resolve() == Path("tap.toml").resolve() else f" --config {path}"
    return f"""\
Wrote {path} and the signing key {key_file}. Keep a copy of the key: it is this node's identity.

The public key, for the [[peers]] of other regions:
  {public}

Next:
  tap{at} user add ada --name "Ada Lovelace" --role region_admin
  tap{at} serve
  tap{at} doctor"""
