"""Import records straight into this machine's own database; the node must be stopped.

For a first load of a new region: no network, no token, the same writer and the same rules.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from server.domain.errors import Refusal
from server.domain.import_records import ImportRecord
from server.ops import core
from server.ops.config import Config
from server.ops.importing.load import BATCH_RECORDS_MAX, NOTHING, Outcome


async def load(
    config: Config, records: Iterable[ImportRecord], said: Callable[[str], None]
) -> Outcome:
    """Raises core.StartError when the node runs or cannot be opened, Refused for unreadable input."""
    total = NOTHING
    async with core.opened(config, "tap import") as node:
        left = iter(records)
        while batch := list(islice(left, BATCH_RECORDS_MAX)):
            outcomes = await node.handler.import_records(batch)
            total += outcome(batch, outcomes)
            said(f"{config.node.region}: {total.new:,} new, {total.known:,} known")
    return total


def outcome(batch: Iterable[ImportRecord], outcomes: list[str | Refusal]) -> Outcome:
    refused = tuple(
        f"{record.source.system} {record.source.id}: {result.code}: {result.message}"
        for record, result in zip(batch, outcomes, strict=True)
        if isinstance(result, Refusal)
    )
    return Outcome(outcomes.count("new"), outcomes.count("known"), refused)
