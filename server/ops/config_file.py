"""Reading ``tap.toml`` and the environment; writing a first file; saying where a value came from.

Order, later wins: default, file, environment (``TAP_HTTP__PORT=8080``). A key nobody knows is refused
with the nearest known one, in the file and in the environment alike: a misspelt key must not be
silently without effect. Nor must a variable with one underscore for two.
"""

import difflib
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from server.ops.config import Config, ConfigError, Peer, Section, redacted
from server.ops.config_checks import check

PREFIX = "TAP_"
SEPARATOR = "__"
NEAR_MIN = 0.8
"""Of what ``difflib`` makes of two names: a letter or two are wrong. ``TAP_HOST`` and ``TAP_HTTP__HOST`` have 0.78."""
PLACES = (Path("tap.toml"), Path("/etc/tap/tap.toml"))

Origin = str
"""``default``, ``file`` or the name of an environment variable."""


class Loaded(NamedTuple):
    """A checked configuration, and where each of its values came from."""

    config: Config
    origins: Mapping[str, Origin]
    path: Path | None
    """The file it was read from."""


class Key(NamedTuple):
    """One documented key: ``http.port``, what it is for, its default as TOML (None: required)."""

    name: str
    description: str
    default: str | None


# -- finding and reading ---------------------------------------------------------------------------------


def find(given: str | None) -> Path:
    """The file to read: the one given, else the first of ``PLACES`` that exists."""
    if given:
        return Path(given)
    for place in PLACES:
        if place.exists():
            return place
    raise ConfigError("There is no tap.toml here or in /etc/tap: run `tap init`, or give --config.")


def load(path: Path | None, environment: Mapping[str, str]) -> Loaded:
    """Read, override and check; every path in the result is absolute. Raises ConfigError."""
    if path is None:
        return _merge({}, Path(), None, environment)
    return _merge(_toml_of(_read(path), str(path)), path.parent, path, environment)


def parse(text: str, base: Path) -> Loaded:
    """As ``load``, from the text of a file that would lie in ``base``, without any environment."""
    return _merge(_toml_of(text, "this"), base, None, {})


def _merge(
    raw: dict[str, Any], base: Path, path: Path | None, environment: Mapping[str, str]
) -> Loaded:
    origins: dict[str, Origin] = dict.fromkeys(_flatten(raw), "file")
    problems = list(_unknown(raw, Config, ""))
    for name, keys, value in _overrides(environment, problems):
        _put(raw, keys, value)
        origins[".".join(keys)] = name
    if problems:
        raise ConfigError(*problems)
    config = _shape(raw)
    if problems := check(config):
        raise ConfigError(*problems)
    return Loaded(_absolute(config, base), origins, path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no configuration file {path}: run `tap init`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from None


def _toml_of(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is no valid TOML: {error}.") from None


def _shape(raw: dict[str, Any]) -> Config:
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `")
        where = place.rstrip("`").removeprefix("$.").removeprefix("$")
        raise ConfigError(f"{where or 'configuration'}: {text}") from None


def _absolute(config: Config, base: Path) -> Config:
    def full(name: str) -> str:
        return str((base / name).resolve()) if name else ""

    data_dir = full(config.node.data_dir)
    key_file = full(config.node.key_file) or str(Path(data_dir) / "node.key")
    node = msgspec.structs.replace(config.node, data_dir=data_dir, key_file=key_file)
    http = msgspec.structs.replace(
        config.http,
        tls_certificate=full(config.http.tls_certificate),
        tls_key=full(config.http.tls_key),
    )
    files = ("ca_file", "certificate", "key", "roster_file")
    federation = msgspec.structs.replace(
        config.federation, **{name: full(getattr(config.federation, name)) for name in files}
    )
    webhooks = msgspec.structs.replace(config.webhooks, ca_file=full(config.webhooks.ca_file))
    return msgspec.structs.replace(
        config, node=node, http=http, federation=federation, webhooks=webhooks
    )


# -- unknown keys -----------------------------------------------------------------------------------------


def _unknown(raw: Mapping[str, Any], shape: type[Section], prefix: str) -> Iterator[str]:
    """A sentence for each key the shape does not have, with the nearest one it has."""
    fields = get_type_hints(shape)
    for name, value in raw.items():
        kind = fields.get(name)
        if kind is None:
            yield f"{prefix}{name} is no key of Tap{_suggestion(name, fields, prefix)}"
        elif isinstance(value, Mapping) and _is_section(kind):
            yield from _unknown(value, kind, f"{prefix}{name}.")
        elif name == "peers" and isinstance(value, list):
            for number, peer in enumerate(value):
                if isinstance(peer, Mapping):
                    yield from _unknown(peer, Peer, f"peers[{number}].")


def _suggestion(name: str, known: Mapping[str, Any], prefix: str) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f": did you mean {prefix}{near[0]}?" if near else "."


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


# -- the environment ----------------------------------------------------------------------------------------


def _overrides(
    environment: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, list[str], Any]]:
    """(variable, path of the key, value) for each ``TAP_SECTION__KEY``; problems are collected."""
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        if SEPARATOR not in name:
            if meant := _variable_near(name):
                problems.append(
                    f"The environment variable {name} names no key of Tap: did you mean {meant}?"
                )
            continue
        keys = name.removeprefix(PREFIX).lower().split(SEPARATOR)
        kind = _kind_of(keys)
        if kind is None:
            known = {key.name: key for key in all_keys()}
            problems.append(
                f"The environment variable {name} names no key of Tap"
                f"{_suggestion('.'.join(keys), known, '')}"
            )
            continue
        yield name, keys, _value_of(environment[name], kind)


def _variable_near(name: str) -> str | None:
    """The variable of a key that is called nearly so, however many underscores it has. What else begins with TAP_ is
    other programs'."""
    near = difflib.get_close_matches(_folded(name), _variables(), n=1, cutoff=NEAR_MIN)
    return _variables()[near[0]] if near else None


def _folded(name: str) -> str:
    return name.replace("_", "").upper()


@cache
def _variables() -> dict[str, str]:
    """Of each key that may come from the environment, by the name without its underscores."""
    named = {}
    for key in all_keys():
        if not key.name.startswith("peers."):
            name = PREFIX + key.name.replace(".", SEPARATOR).upper()
            many = key.name == "lanes.groups"
            named[_folded(name)] = f"{name}{SEPARATOR}<NAME>" if many else name
    return named


def _kind_of(keys: list[str]) -> Any | None:
    """The type of ``section.key`` or of ``lanes.groups.<name>``; None when there is none."""
    if keys[:2] == ["lanes", "groups"] and len(keys) == 3:
        return tuple[str, ...]
    section = get_type_hints(Config).get(keys[0])
    if len(keys) != 2 or not _is_section(section) or keys[1] == "groups":
        return None
    return get_type_hints(section).get(keys[1])


def _value_of(text: str, kind: Any) -> Any:
    """Text for a text key; otherwise a TOML value (``8080``, ``true``, ``["a", "b"]``)."""
    if kind is str or (get_args(kind) and all(isinstance(arg, str) for arg in get_args(kind))):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(raw: dict[str, Any], keys: list[str], value: Any) -> None:
    *sections, last = keys
    for section in sections:
        inner = raw.setdefault(section, {})
        if not isinstance(inner, dict):
            return
        raw = inner
    raw[last] = value


# -- describing --------------------------------------------------------------------------------------------


def all_keys() -> list[Key]:
    """Every key there is, in the order of the file."""
    keys: list[Key] = []
    for name, kind in get_type_hints(Config).items():
        keys.extend(_keys_of(Peer if name == "peers" else kind, name))
    return keys


def _keys_of(shape: type[Section], prefix: str) -> list[Key]:
    hints = get_type_hints(shape, include_extras=True)
    described = {name: hint.__metadata__[0].description for name, hint in hints.items()}
    return [
        Key(
            f"{prefix}.{field.name}",
            described[field.name],
            None
            if field.default is msgspec.NODEFAULT and field.required
            else as_toml(_default(field)),
        )
        for field in msgspec.structs.fields(shape)
    ]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return field.default_factory()


def as_toml(value: Any) -> str:
    """A value as it stands in a TOML file."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case str():
            return msgspec.json.encode(value).decode()
        case dict():
            inner = ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items())
            return f"{{{inner}}}"
        case tuple() | list():
            return f"[{', '.join(as_toml(item) for item in value)}]"
        case _:
            return str(value)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flatten(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


class Effective(NamedTuple):
    """One value as the node uses it, secrets redacted."""

    key: str
    value: Any
    origin: Origin


def effective(loaded: Loaded) -> list[Effective]:
    """Every value in the order of the file, with its origin; a password in an address is hidden."""
    plain = msgspec.to_builtins(loaded.config)
    rows = []
    for name in _flatten(plain):
        value: Any = plain
        for part in name.split("."):
            value = value[part]
        shown = redacted(value) if name == "storage.url" else value
        rows.append(Effective(name, shown, loaded.origins.get(name, "default")))
    return rows


# -- a first file ---------------------------------------------------------------------------------------------

_HEAD = """\
# The configuration of one Tap node. docs/operations/configuration.md explains every key, and
# `tap config` prints the values in effect. An environment variable beats this file:
# TAP_HTTP__PORT=9000 sets port in [http].
"""

_EXAMPLE_PEER = """\
# One [[peers]] for each other region. Both sides name each other; exchange the lines `tap keys` prints
# in person or over a channel you trust.
# [[peers]]
# region = "fr"
# url = "https://tap.fr.example.com"
# public_key = "…"
"""


def render(values: Mapping[str, Any]) -> str:
    """A whole commented file: ``values`` (such as {"node.region": "de"}) stand, defaults are comments."""
    lines = [_HEAD]
    section = ""
    for key in all_keys():
        head, _, name = key.name.partition(".")
        if head == "peers":
            continue
        if head != section:
            section = head
            lines.append(f"\n[{head}]\n")
        lines.extend(f"# {line}\n" for line in textwrap.wrap(key.description, 96))
        if key.name in values:
            lines.append(f"{name} = {as_toml(values[key.name])}\n")
        else:
            lines.append(f"# {name} = {key.default}\n")
    return "".join([*lines, "\n", _EXAMPLE_PEER])
