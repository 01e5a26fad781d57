"""The roster as this node's file holds it, and what the configuration is by it.

``tap`` verbs go by the file; a running node (``ops.registrar``) keeps it up to date.
"""

import os
from pathlib import Path

import msgspec

from server.domain.errors import Refused
from server.federation import rosters
from server.federation.rosters import RosterDocument, SignedRoster
from server.ops.config import Config, ConfigError, Peer


def read(path: Path) -> SignedRoster | None:
    """None where there is no file. Raises ConfigError, in plain words, also when too few have signed it."""
    try:
        roster = rosters.decode(path.read_bytes())
        rosters.succeeds(roster, None)
        return roster
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"The roster {path} cannot be read: {error.strerror}.") from None
    except Refused as error:
        raise ConfigError(f"The roster {path} cannot be used: {error.refusal.message}.") from None


def write(path: Path, roster: SignedRoster) -> None:
    """Replaces the file in one step. Raises OSError."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(rosters.encode(roster))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def effective(config: Config) -> Config:
    """The configuration with peers and groups as the roster says, if there is one. Raises ConfigError."""
    roster = read(config.roster_path)
    return config if roster is None else by_roster(config, roster.document)


def by_roster(config: Config, document: RosterDocument) -> Config:
    peers = tuple(
        [
            Peer(
                region=entry.region,
                url=entry.url,
                public_key=rosters.key_text(entry.keys[-1].key),
                dial=config.dials(entry.region),
            )
            for entry in document.regions
            if entry.left is None and entry.region != config.node.region
        ]
    )
    lanes = msgspec.structs.replace(config.lanes, groups=document.groups)
    return msgspec.structs.replace(config, peers=peers, lanes=lanes)
