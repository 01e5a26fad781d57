"""Who is there and who is typing, on their way to whoever looks: ``presence`` knows, the hub hands out."""

from collections.abc import Sequence

from server.domain.ids import presence_channel
from server.realtime.abroad import Abroad
from server.realtime.frames import TypingNow, Value
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from server.realtime.values import Told


class Present:
    """``keeps_presence``: False where nobody is to know who is there; then nothing of it is kept. ``abroad``: people
    elsewhere, if there are other regions."""

    def __init__(self, hub: Hub, keeps_presence: bool = True, abroad: Abroad | None = None) -> None:
        self._hub, self._abroad = hub, abroad
        self.typing = Typing()
        moved_here = (abroad.moved,) if abroad else ()
        self.presence = Presence(hub.hears, *moved_here) if keeps_presence else None

    def moved(self, person: str, before: State, after: State, now: int) -> None:
        """A connection of a person shows them in another state than before."""
        if self.presence and before != after:
            self.presence.moved(person, before, after, now)

    def typed(self, channel: str, person: str, now: int) -> None:
        """Somebody connected here types."""
        self.typing.said(channel, person, now)
        if self._abroad:
            self._abroad.typed(channel, person, now)

    def values(self, people: Sequence[str]) -> list[Value]:
        """Their present states, of those of whom it is known."""
        presence = self.presence
        if presence is None:
            return []
        return [presence.value(person) for person in people if self._is_known(presence, person)]

    def _is_known(self, presence: Presence, person: str) -> bool:
        return not self._abroad or self._abroad.is_here(person) or presence.has_word(person)

    def tell(self, now: int) -> None:
        """Puts into the hub what is to be told now. A slow reader is spared lists of names; of who is
        there it may hear, as it would not be told again."""
        if self._abroad:
            self._abroad.tell(now)
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
