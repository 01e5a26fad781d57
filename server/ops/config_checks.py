"""What no type can say of a configuration: which of its values cannot be used together."""

import base64
import binascii
import re
from ipaddress import ip_network
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from server.domain.ids import REGION_PATTERN
from server.domain.scoring_policy import problems as problems_of
from server.ops.config import (
    Config,
    FederationSection,
    HttpSection,
    NodeSection,
    StorageSection,
    WebhooksSection,
)
from server.realtime.handshake import EVERYBODY

GROUP_PATTERN = re.compile(r"[a-z0-9-]{1,32}")
COUNTRY_PATTERN = re.compile(r"[A-Z]{2}")
PUBLIC_KEY_BYTES = 32
SCHEMES = ("", "sqlite", "postgresql", "postgresql+psycopg")


def check(config: Config) -> list[str]:
    """Every reason why these values cannot be used together, as sentences; none is fine."""
    return [
        *_check_node(config.node),
        *_check_http(config.http),
        *_check_storage(config.storage),
        *_check_groups(config),
        *_check_residency(config),
        *_check_scoring(config),
        *_check_peers(config),
        *_check_federation(config.federation),
        *_check_webhooks(config.webhooks),
    ]


def _check_region(key: str, region: str) -> list[str]:
    if REGION_PATTERN.fullmatch(region):
        return []
    return [
        f'{key} "{region}" must be 2 to 16 characters: a letter, then letters, digits or "-", all in lower case'
    ]


def _check_node(node: NodeSection) -> list[str]:
    problems = _check_region("node.region", node.region)
    if not node.name.strip():
        problems.append("node.name is empty: give the region a name people can read")
    if node.country and not COUNTRY_PATTERN.fullmatch(node.country):
        problems.append(f'node.country "{node.country}" must be two capital letters, such as "DE"')
    if not node.data_dir:
        problems.append("node.data_dir is empty: name the folder which holds the database")
    return problems


def _check_http(http: HttpSection) -> list[str]:
    problems = []
    if http.public_url:
        problems.extend(_check_url("http.public_url", http.public_url, ("http", "https")))
    if bool(http.tls_certificate) != bool(http.tls_key):
        problems.append("http.tls_certificate and http.tls_key need each other: give both or none")
    return [*problems, *_check_proxies(http.trusted_proxies)]


def _check_proxies(names: tuple[str, ...]) -> list[str]:
    """One that is misspelt is trusted by nobody, and all its clients count as one."""
    if names == (EVERYBODY,):
        return []
    problems = [
        f'http.trusted_proxies: "{name}" is neither an address nor a network: write 10.20.0.7 or 10.20.0.0/16'
        for name in names
        if name != EVERYBODY and not _is_network(name)
    ]
    if EVERYBODY in names:
        problems.append(f'http.trusted_proxies: "{EVERYBODY}" stands alone')
    return problems


def _check_url(key: str, url: str, schemes: tuple[str, ...]) -> list[str]:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    else:
        sound = sound and parts.path in ("", "/") and not parts.query
    if sound:
        return []
    return [f'{key} "{url}" must be {" or ".join(schemes)}://host or ://host:port, without a path']


def _check_storage(storage: StorageSection) -> list[str]:
    address, mark, _ = storage.url.partition("://")
    if address in SCHEMES and _is_database(storage.url):
        return []
    # What is no address may be a password.
    said = f'begins with "{address}"' if mark and address not in SCHEMES else "is no address"
    return [
        f"storage.url {said}: Tap keeps its log in sqlite or postgresql, such as postgresql://user:password@host/database"
    ]


def _is_database(url: str) -> bool:
    try:
        return not url or bool(make_url(url))
    except (ArgumentError, ValueError):  # the latter for what stands where the port should
        return False


def _check_groups(config: Config) -> list[str]:
    problems = []
    for name, members in config.lanes.groups.items():
        if not GROUP_PATTERN.fullmatch(name):
            problems.append(
                f'lanes.groups: "{name}" must be 1 to 32 lower-case letters, digits or "-"'
            )
        problems.extend(
            f'lanes.groups.{name} names the region "{region}", which is neither this node nor a peer'
            for region in members
            if region not in config.regions
        )
    return problems


def _check_residency(config: Config) -> list[str]:
    groups = config.lanes.groups
    problems = [
        f'residency.in_groups names the group "{name}", which is not in lanes.groups'
        for name in config.residency.in_groups
        if name not in groups
    ]
    known = {"global", "group.*", "pair.*", *(f"group.{name}" for name in groups)}
    problems += [
        f'residency.audiences: "{lane}" is none of {", ".join(sorted(known))}'
        for lane in config.residency.audiences
        if lane not in known
    ]
    return problems


def _check_scoring(config: Config) -> list[str]:
    return [f"scoring: {why}" for why in problems_of(config.scoring_policy, config.country)]


def _check_peers(config: Config) -> list[str]:
    problems: list[str] = []
    seen = {config.node.region: "this node"}
    for number, peer in enumerate(config.peers):
        key = f"peers[{number}]"
        if peer.region in seen:
            problems.append(f'{key}.region "{peer.region}" is already {seen[peer.region]}')
        else:
            problems.extend(_check_region(f"{key}.region", peer.region))
        seen[peer.region] = key
        problems.extend(_check_url(f"{key}.url", peer.url, ("http", "https", "ws", "wss")))
        if public_key_of(peer.public_key) is None:
            problems.append(
                f"{key}.public_key must be the line `tap keys` prints on that node: base64 of "
                f"{PUBLIC_KEY_BYTES} bytes"
            )
    return problems


def _check_federation(federation: FederationSection) -> list[str]:
    problems = []
    if bool(federation.certificate) != bool(federation.key):
        problems.append(
            "federation.certificate and federation.key need each other: give both or none"
        )
    problems.extend(
        f'federation.former_public_keys: "{text}" is not base64 of {PUBLIC_KEY_BYTES} bytes'
        for text in federation.former_public_keys
        if public_key_of(text) is None
    )
    return problems


def _check_webhooks(webhooks: WebhooksSection) -> list[str]:
    return [
        f'webhooks.networks: "{text}" is no network: write its first address and its length, such as 10.20.0.0/16'
        for text in webhooks.networks
        if not _is_network(text)
    ]


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def public_key_of(text: str) -> bytes | None:
    """The 32 bytes of the line `tap keys` prints; None for another text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == PUBLIC_KEY_BYTES else None
