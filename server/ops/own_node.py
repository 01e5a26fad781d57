"""Asks the running node on this machine, in the name of who holds its key (docs/protocol/http.md 2.6)."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx

from server.api.table import PREFIX
from server.app import operator_proof
from server.ops import keys
from server.ops.config import Config
from server.ops.core import now
from server.ops.doctor_facts import local_url

ANSWER_SECONDS_MAX = 30.0
"""A node that asks a receiver of webhooks waits for it longer than for anything else."""


class NotAnswered(Exception):
    """The node does not run, or is out of reach; the text says so."""


class Refusing(Exception):
    """What the node would not do; the text says why, with the code."""


def ask(config: Config, method: str, path: str, wish: Any = None, **query: str | int) -> Any:
    """The answer's JSON. ``path``: below the API's prefix. Raises NotAnswered, Refusing, keys.KeyFileError."""
    private = keys.load(Path(config.node.key_file))
    body = b"" if wish is None else json.dumps(wish).encode()
    headers = {"Authorization": operator_proof.sign(private, method, PREFIX + path, now(), body)}
    # Its certificate names the public host, not this address; who answers here runs on this machine.
    unverified = ssl._create_unverified_context()
    try:
        with httpx.Client(verify=unverified, timeout=ANSWER_SECONDS_MAX, trust_env=False) as http:
            answer = http.request(
                method,
                local_url(config) + PREFIX + path,
                params=query,
                content=body,
                headers=headers,
            )
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotAnswered(
            f"This node does not answer on {local_url(config)}: {str(error) or type(error).__name__}."
        ) from None
    if answer.is_error:
        why = said.get("error", {})
        raise Refusing(f"{why.get('message')} ({why.get('code')})")
    return said
