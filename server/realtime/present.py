"""Who is there and who is typing, on their way to whoever looks: ``presence`` knows, the hub hands out."""

from collections.abc import Sequence

from server.domain.ids import presence_channel
from server.realtime.frames import TypingNow, Value
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from server.realtime.values import Told


class Present:
    """``keeps_presence``: False where nobody is to know who is there; then nothing of it is kept."""

    def __init__(self, hub: Hub, keeps_presence: bool = True) -> None:
        self._hub = hub
        self.typing = Typing()
        self.presence = Presence(hub.hears) if keeps_presence else None

    def moved(self, person: str, before: State, after: State, now: int) -> None:
        """A connection of a person shows them in another state than before."""
        if self.presence and before != after:
            self.presence.moved(person, before, after, now)

    def values(self, people: Sequence[str]) -> list[Value]:
        """Their present states."""
        return [self.presence.value(person) for person in people] if self.presence else []

    def tell(self, now: int) -> None:
        """Puts into the hub what is to be told now. A slow reader is spared lists of names; of who is
        there it may hear, as it would not be told again."""
        names = [
            Told(TypingNow(channel=channel, people=people), (channel,))
            for channel, people in self.typing.due(now)
        ]
        if names:
            self._hub.tell(names, spare_slow=True)
        changed = self.presence.due(now) if self.presence else ()
        if changed:
            shown = [Told(value, (presence_channel(value.id),)) for value in changed]
            self._hub.tell(shown, spare_slow=False)
