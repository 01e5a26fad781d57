"""``tap roster``: the signed document that says which regions there are. Works without a node and a network.

A draft goes from hand to hand: one makes it, two administrators sign it, each region installs it, or gets it
from one that did.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from server.domain.errors import Refused
from server.federation import rosters
from server.federation.rosters import (
    Admin,
    Place,
    RegionKey,
    RosterDocument,
    RosterRegion,
    SignedRoster,
)
from server.federation.trust import key_id
from server.ops import keys, membership
from server.ops.commands.closing import close
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    load,
    print_json,
    print_table,
    require_owner,
)
from server.ops.config import ConfigError
from server.ops.config_checks import public_key_of

FILE = click.Path(path_type=Path, dir_okay=False)
Change = Callable[[RosterDocument], RosterDocument]


@click.group()
def command() -> None:
    """Say who belongs to the company, signed by two of its administrators."""


# -- making and changing ------------------------------------------------------------------------------------


@command.command()
@click.argument("key_file", type=FILE)
def admin(key_file: Path) -> None:
    """Draw an administrator's key into KEY_FILE and print its public half.

    Keep the file on a medium of its own: two of them change who belongs to the company."""
    try:
        click.echo(keys.public_text(keys.generate(key_file)))
    except keys.KeyFileError as error:
        fail(str(error), Exit.USAGE)


@command.command()
@click.argument("file", type=FILE)
@click.option("--admin", "admins", multiple=True, required=True, metavar="NAME=KEY")
def new(file: Path, admins: tuple[str, ...]) -> None:
    """Write a first roster with its administrators, three or more; add regions next."""
    if file.exists():
        fail(f"{file} exists already. Nothing was changed.", Exit.USAGE)
    try:
        named = tuple([_admin(text) for text in admins])
        draft = rosters.drafted(RosterDocument(version=1, admins=named, regions=()))
    except Refused as error:
        _refused(error)
    _write(file, draft)
    click.echo(f"Wrote {file}: version 1, {len(named)} administrators, no region yet.")


@command.command("add-region")
@click.argument("file", type=FILE)
@click.argument("region")
@click.option("--name", required=True, help="The region's name, such as Germany.")
@click.option("--url", required=True, help="Its public_url, such as https://tap.de.example.com.")
@click.option("--key", required=True, help="What `tap keys` prints there.")
@click.option("--group", "groups", multiple=True, help="A policy group it belongs to.")
def add_region(
    file: Path, region: str, name: str, url: str, key: str, groups: tuple[str, ...]
) -> None:
    """Put a region into FILE, or change its name, address and groups; a new KEY joins the earlier ones."""
    raw = _key(key)

    def change(document: RosterDocument) -> RosterDocument:
        before = document.region(region)
        known = before.keys if before else ()
        mine = known if any(k.key == raw for k in known) else (*known, RegionKey(key=raw))
        entry = RosterRegion(region=region, name=name, url=url, keys=mine)
        return _grouped(_with(document, entry), region, groups)

    _change(file, change)


@command.command("remove-region")
@click.argument("file", type=FILE)
@click.argument("region")
@click.option(
    "--at", "place", required=True, metavar="EPOCH:SEQ", help="What `tap roster close` said."
)
def remove_region(file: Path, region: str, place: str) -> None:
    """Say in FILE that a region has left: others keep its log up to there, and nobody speaks to it."""

    def change(document: RosterDocument) -> RosterDocument:
        entry = _known(document, region)
        left = msgspec.structs.replace(entry, left=_place(place))
        return _grouped(_with(document, left), region, ())

    _change(file, change)


@command.command("replace-key")
@click.argument("file", type=FILE)
@click.argument("region")
@click.option("--key", required=True, help="What `tap keys` prints there now.")
@click.option(
    "--at", "place", required=True, metavar="EPOCH:SEQ", help="Where the earlier keys end."
)
def replace_key(file: Path, region: str, key: str, place: str) -> None:
    """Say in FILE that a region's key was lost or stolen, and which one it has now.

    With its key in hand a region needs no roster: `tap keys rotate`. The place is the last event of the
    region's control lane in its last good epoch, as `tap lanes` shows it in any other region."""
    raw, ends = _key(key), _place(place)

    def change(document: RosterDocument) -> RosterDocument:
        entry = _known(document, region)
        earlier = [k if k.ends else RegionKey(key=k.key, ends=ends) for k in entry.keys]
        known = (*[k for k in earlier if k.key != raw], RegionKey(key=raw))
        return _with(document, msgspec.structs.replace(entry, keys=known))

    _change(file, change)


@command.command("rotate-admin")
@click.argument("file", type=FILE)
@click.option("--add", "added", multiple=True, metavar="NAME=KEY")
@click.option("--remove", "removed", multiple=True, metavar="NAME")
def rotate_admin(file: Path, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Change the administrators in FILE. Two of those before have to sign it."""

    def change(document: RosterDocument) -> RosterDocument:
        if unknown := set(removed) - {one.name for one in document.admins}:
            fail(f"Nobody is called {', '.join(sorted(unknown))}.", Exit.USAGE)
        stay = [one for one in document.admins if one.name not in removed]
        admins = (*stay, *[_admin(text) for text in added])
        return msgspec.structs.replace(document, admins=admins)

    _change(file, change)


@command.command("require-protocol")
@click.argument("file", type=FILE)
@click.argument("version", type=click.IntRange(1, 2**15 - 1))
def require_protocol(file: Path, version: int) -> None:
    """Say in FILE which version of the protocol everybody has to speak at least."""
    _change(file, lambda document: msgspec.structs.replace(document, protocol_min=version))


# -- signing, looking, installing ---------------------------------------------------------------------------


@command.command()
@click.argument("file", type=FILE)
@click.option("--key-file", required=True, type=FILE, help="An administrator's key.")
def sign(file: Path, key_file: Path) -> None:
    """Add a signature to FILE, after showing what is signed."""
    roster = _read(file)
    _show(roster)
    try:
        private = keys.load(key_file)
        _write(file, rosters.signed(roster, private))
    except keys.KeyFileError as error:
        fail(str(error), Exit.USAGE)
    except Refused as error:
        _refused(error)
    click.echo(f"Signed by {keys.id_of(private)}.")


@command.command()
@click.argument("file", type=FILE, required=False)
@json_option
def show(file: Path | None, as_json: bool) -> None:
    """Print what FILE says, or the roster this node goes by."""
    path = file or _installed_path()
    if file is None and not path.exists():
        fail("This node goes by no roster, but by [[peers]] in tap.toml.")
    roster = _read(path)
    if as_json:
        print_json(msgspec.to_builtins(roster.document) | {"signed_by": _signed_by(roster)})
    else:
        _show(roster)


@command.command()
@click.argument("file", type=FILE)
@click.option("--against", type=FILE, help="The roster before it; without, its own administrators.")
def verify(file: Path, against: Path | None) -> None:
    """Check that FILE may follow the roster before it. Exit code 1 when it may not."""
    candidate = _read(file)
    before = _read(against) if against else None
    _must_succeed(candidate, before)
    after = f"may follow version {before.version}" if before else "is a first roster"
    click.echo(
        f"Version {candidate.version} {after}: signed by {', '.join(_signed_by(candidate))}."
    )


@command.command()
@click.argument("file", type=FILE)
def install(file: Path) -> None:
    """Let this node go by FILE; a running one does within seconds, and tells all others."""
    candidate = _read(file)
    config = load(rostered=False).config
    require_owner(config)
    path = config.roster_path
    try:
        before = membership.read(path)
    except ConfigError as error:
        fail(str(error), Exit.USAGE)
    _must_succeed(candidate, before)
    _write(path, candidate)
    click.echo(f"Version {candidate.version} is in {path}.")


command.add_command(close)


# -- parts -----------------------------------------------------------------------------------------------------


def _change(file: Path, change: Change) -> None:
    """Writes the next draft: a signed roster gets a new version, a draft stays the draft it is."""
    before = _read(file)
    try:
        after = change(before.document)
        if before.signatures:
            after = msgspec.structs.replace(after, version=before.version + 1)
        draft = rosters.drafted(after)
    except Refused as error:
        _refused(error)
    _write(file, draft)
    click.echo(f"{file} is a draft of version {draft.version}: let two administrators sign it.")


def _with(document: RosterDocument, entry: RosterRegion) -> RosterDocument:
    others = [one for one in document.regions if one.region != entry.region]
    regions = tuple(sorted([*others, entry], key=lambda one: one.region))
    return msgspec.structs.replace(document, regions=regions)


def _grouped(document: RosterDocument, region: str, groups: tuple[str, ...]) -> RosterDocument:
    """The region in exactly these groups; a group without members is gone."""
    changed = {name: set(members) - {region} for name, members in document.groups.items()}
    for name in groups:
        changed.setdefault(name, set()).add(region)
    kept = {name: tuple(sorted(members)) for name, members in sorted(changed.items()) if members}
    return msgspec.structs.replace(document, groups=kept)


def _known(document: RosterDocument, region: str) -> RosterRegion:
    entry = document.region(region)
    if entry is None:
        fail(f"Region {region} is not in the roster.", Exit.USAGE)
    return entry


def _admin(text: str) -> Admin:
    name, _, key = text.partition("=")
    return Admin(name=name, key=_key(key))


def _key(text: str) -> bytes:
    raw = public_key_of(text)
    if raw is None:
        fail(f'"{text}" is no public key: base64 of 32 bytes, as `tap keys` prints it.', Exit.USAGE)
    return raw


def _place(text: str) -> Place:
    epoch, _, seq = text.partition(":")
    try:
        return Place(epoch=int(epoch, 16), seq=int(seq))
    except ValueError:
        fail(f'"{text}" is no place in a log, such as 1000a3f02:17.', Exit.USAGE)


def _read(path: Path) -> SignedRoster:
    try:
        return rosters.decode(path.read_bytes(), draft=True)
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.", Exit.USAGE)
    except Refused as error:
        _refused(error)


def _write(path: Path, roster: SignedRoster) -> None:
    try:
        membership.write(path, roster)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}.", Exit.MACHINE)


def _installed_path() -> Path:
    return load(rostered=False).config.roster_path


def _must_succeed(candidate: SignedRoster, before: SignedRoster | None) -> None:
    try:
        newer = rosters.succeeds(candidate, before)
    except Refused as error:
        _refused(error)
    if not newer and before:
        fail(f"Version {candidate.version} is not newer than version {before.version}.")


def _refused(error: Refused) -> NoReturn:
    fail(f"{error.refusal.message} ({error.refusal.code})")


def _signed_by(roster: SignedRoster) -> list[str]:
    return rosters.signers(roster, roster.document.admins)


def _show(roster: SignedRoster) -> None:
    document = roster.document
    click.echo(f"Roster {document.version}, protocol {document.protocol_min} or later")
    print_table(("REGION", "NAME", "ADDRESS", "KEY", "GROUPS"), map(_row, _entries(document)))
    click.echo("Administrators: " + ", ".join(one.name for one in document.admins))
    click.echo("Signed by: " + (", ".join(_signed_by(roster)) or "nobody"))


def _entries(document: RosterDocument) -> list[tuple[RosterRegion, list[str]]]:
    return [
        (entry, [name for name, members in document.groups.items() if entry.region in members])
        for entry in document.regions
    ]


def _row(pair: tuple[RosterRegion, list[str]]) -> tuple[object, ...]:
    entry, groups = pair
    address = f"left at {entry.left.epoch:x}:{entry.left.seq}" if entry.left else entry.url
    return entry.region, entry.name, address, key_id(entry.keys[-1].key), ", ".join(groups)
