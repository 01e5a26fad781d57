"""Every connection's next deadline on one timer: no timer object per connection.

Items lie in slots of half a second. An item is in at most one slot; who puts it again moves it.
"""

from typing import Generic, TypeVar

T = TypeVar("T")
SLOT_MS = 500


class Wheel(Generic[T]):
    """``now``: milliseconds at which turning begins."""

    def __init__(self, now: int) -> None:
        self._slots: dict[int, dict[T, None]] = {}
        self._where: dict[T, int] = {}
        self._turned = now // SLOT_MS

    def put(self, item: T, at: int) -> None:
        """Let the item be due at a time, or as soon as the wheel is turned next if that is past."""
        if item in self._where:
            self.remove(item)
        slot = max(-(-at // SLOT_MS), self._turned + 1)
        self._where[item] = slot
        self._slots.setdefault(slot, {})[item] = None

    def remove(self, item: T) -> None:
        """Nothing happens when it is not there."""
        slot = self._where.pop(item, None)
        if slot is not None:
            items = self._slots[slot]
            del items[item]
            if not items:
                del self._slots[slot]

    def due(self, now: int) -> list[T]:
        """Takes out what is due, earliest first."""
        found: list[T] = []
        for slot in range(self._turned + 1, now // SLOT_MS + 1):
            found.extend(self._slots.pop(slot, ()))
        self._turned = max(self._turned, now // SLOT_MS)
        for item in found:
            del self._where[item]
        return found

    def __len__(self) -> int:
        return len(self._where)
