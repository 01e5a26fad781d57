"""The demo's first morning: people, roles, passwords and tokens, made once on stopped nodes and kept.

``secrets.json`` (mode 0600) holds the one password of the demo and everybody's device token; ``history``
says that the past has been written; ``founding`` stands while the first morning lasts. Tests enrol their people
here too.
"""

import asyncio
import json
import os
import secrets as entropy
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from server.app.auth import Kind
from server.domain import limits
from server.domain.commands import ChooseScoring, RegisterPerson, SetPersonRole
from server.domain.durations import DAY_MS
from server.domain.errors import Code
from server.domain.scoring_policy import WHAT
from server.ops import config_file, operator
from server.ops.accounts import Desk, desk
from server.ops.core import StartError, now
from server.ops.demo import company, memory, past
from server.ops.demo.enrolment import checked, registration
from server.ops.demo.nodes import NodeFailed, Place

SECRETS = "secrets.json"
HISTORY = "history"
UNFINISHED = "founding"
RENEWED_AFTER_MS = limits.DEVICE_TOKEN_DAYS * DAY_MS // 2
"""Tokens end; a demo that was put away for a year starts all the same."""


class Secrets(NamedTuple):
    """``tokens``: person -> device token, issued at ``issued_at`` (UTC milliseconds); ``runs``: how often the demo
    was started before."""

    password: str
    tokens: dict[str, str]
    runs: int
    issued_at: int = 0


async def secrets(folder: Path, places: Sequence[Place]) -> Secrets:
    """The kept ones, or fresh ones with everybody enrolled at home. Raises NodeFailed."""
    path = folder / SECRETS
    if path.exists():
        kept = Secrets(**json.loads(path.read_text("utf-8")))
        kept = kept._replace(runs=kept.runs + 1)
        if now() - kept.issued_at > RENEWED_AFTER_MS:
            kept = kept._replace(tokens={}, issued_at=now())
            for place in places:
                kept.tokens.update(await renewed(place))
    else:
        (folder / UNFINISHED).write_text("This demo is being founded.\n", "utf-8")
        kept = Secrets(fresh_password(), {}, 0, now())
        # One after the other: migrations keep their state in the process, not in the database alone.
        for place in places:
            kept.tokens.update(await found(place, kept.password))
    write_private(path, json.dumps(kept._asdict(), indent=2))
    (folder / UNFINISHED).unlink(missing_ok=True)
    return kept


async def found(place: Place, password: str) -> dict[str, str]:
    """The company's people of one region, with roles and passwords; their tokens."""
    people = company.at_home(place.region)
    try:
        if place.region == past.REGION:
            await memory.remember(config_file.load(place.config, {}).config)
        async with desk(config_file.load(place.config, {}).config, "tap demo") as node:
            tokens = await enrol(node, [registration(person) for person in people])
            for person in people:
                await set_roles(node, person)
                await choose(node, person)
            sets = [node.passwords.set(person.id, password) for person in people]
            for outcome in await asyncio.gather(*sets):
                checked(outcome)
    except StartError as error:
        raise NodeFailed(str(error)) from None
    return tokens


async def renewed(place: Place) -> dict[str, str]:
    """Further tokens for the people of one region. Raises NodeFailed."""
    people = company.at_home(place.region)
    try:
        async with desk(config_file.load(place.config, {}).config, "tap demo") as node:
            return await enrol(node, [registration(person) for person in people])
    except StartError as error:
        raise NodeFailed(str(error)) from None


async def enrol(
    node: Desk, people: Iterable[RegisterPerson], kind: Kind = "device"
) -> dict[str, str]:
    """Registers people at home on an opened node, if they are new; a token for each."""
    tokens = {}
    for wish in people:
        checked(await operator.register(node.core.handler, wish), Code.CONFLICT)
        tokens[wish.person] = (await node.auth.issue(wish.person, kind, "tap demo")).secret
    return tokens


async def set_roles(node: Desk, person: company.Person) -> None:
    for role in person.roles:
        wish = SetPersonRole(person=person.id, role=role, on=True)
        checked(await operator.set_role(node.core.handler, wish))


async def choose(node: Desk, person: company.Person) -> None:
    """Who is open wants everything shown that their region allows."""
    if person.open:
        wish = ChooseScoring(**dict.fromkeys(WHAT, True))
        checked(await node.core.handler.handle(person.id, f"demo-choice-{person.id}", wish))


def is_founded(folder: Path) -> bool:
    return (folder / SECRETS).exists()


def clear_unfinished(folder: Path, places: Sequence[Place]) -> None:
    """Throws away what a founding left that was cut short: it is lived through in one piece, and its people would
    have no password. Nothing else is ever deleted."""
    if (folder / UNFINISHED).exists() and not is_founded(folder):
        for place in places:
            shutil.rmtree(place.folder, ignore_errors=True)


def has_history(folder: Path) -> bool:
    return (folder / HISTORY).exists()


def keep_history(folder: Path) -> None:
    (folder / HISTORY).write_text("The past of this demo has been written.\n", "utf-8")


def fresh_password() -> str:
    """Three words and a number: said aloud in a meeting room, typed without a mistake."""
    words = [entropy.choice(WORDS) for _ in range(3)]
    return "-".join([*words, str(entropy.randbelow(90) + 10)])


WORDS = [
    "anchor",
    "basalt",
    "bridge",
    "canyon",
    "copper",
    "delta",
    "ember",
    "fjord",
    "garnet",
    "harbor",
    "island",
    "jasmine",
    "kettle",
    "lagoon",
    "mango",
    "meadow",
    "monsoon",
    "nectar",
    "ocean",
    "papaya",
    "pebble",
    "quartz",
    "river",
    "saffron",
    "sluice",
    "summit",
    "tiger",
    "valve",
    "willow",
    "zephyr",
]


def write_private(path: Path, text: str) -> None:
    """A file only its owner may read, whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
