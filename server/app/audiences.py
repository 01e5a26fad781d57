"""Where people are at home, and which regions may hear what somebody does in a place just now.

What is typed in a place is known where its posts are and nowhere else (I8): the lanes of the place decide, as they do
for a post (docs/protocol/federation.md 21, 22).
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

from server.domain.decide.base import lanes_of_place
from server.domain.events import ResidencyPolicy
from server.domain.residency import leaves_in
from server.storage.async_facts import LoadedFacts, load_crowd
from server.storage.queries import people
from server.storage.reader import Reader, Snapshot

CHANNELS_PER_READ = 500


class Audiences:
    """``audience``: the regions a lane of this one is for; ``policy``: what may leave it."""

    def __init__(
        self,
        reader: Reader,
        region: str,
        audience: Callable[[str], frozenset[str]],
        policy: ResidencyPolicy,
    ) -> None:
        self._reader, self._region, self._audience, self._policy = reader, region, audience, policy

    async def homes(self, names: Collection[str] | None) -> Mapping[str, str]:
        """Where these are at home, or all that are known; of who is between two, the old one."""
        async with self._reader.snapshot() as snapshot:
            if names is None:
                return await people.every_home(snapshot)
            return await people.homes(snapshot, names)

    async def audiences(self, channels: Collection[str]) -> Mapping[str, frozenset[str]]:
        """By channel (``t:<thread>``, ``d:<conversation>``) the other regions its place is for; unknown ones are
        left out."""
        found: dict[str, frozenset[str]] = {}
        every = list(channels)
        for start in range(0, len(every), CHANNELS_PER_READ):
            part = every[start : start + CHANNELS_PER_READ]
            found |= await self._reader.load(partial(self._read, part))
        return found

    async def _read(
        self, channels: Collection[str], snapshot: Snapshot
    ) -> dict[str, frozenset[str]]:
        facts = await load_crowd(snapshot, (), channels)
        places = {name: place for name in channels if (place := _place(name, facts))}
        told = [facts.conversation(place[2:]) for place in places.values() if place[:2] == "d:"]
        members = [f"p:{person}" for one in told if one for person, _ in one.members]
        await facts.load(snapshot, members)
        return {name: self._regions(place, facts) for name, place in places.items()}

    def _regions(self, place: str, facts: LoadedFacts) -> frozenset[str]:
        lanes = lanes_of_place(place, facts, self._region)
        open_ = [self._audience(lane) for lane in lanes if leaves_in(lane, self._policy)]
        return frozenset[str]().union(*open_) - {self._region}


def _place(channel: str, facts: LoadedFacts) -> str:
    """Of a thread its root's, of a conversation itself; empty where there is no such."""
    kind, _, name = channel.partition(":")
    if kind == "t":
        root = facts.post(name)
        return root.place if root else ""
    return channel if kind == "d" and facts.conversation(name) else ""
