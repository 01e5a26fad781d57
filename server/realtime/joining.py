"""What of a batch goes to whom as one buffer: the frames of several events, joined once for all who are owed the same."""

from collections.abc import Collection, Sequence

from server.domain import limits
from server.realtime.frames import Form
from server.realtime.ring import Ready
from server.realtime.values import Told

Item = Ready | Told


class Buffers:
    """The joined frames of a batch's items, made once per combination and form."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items: Sequence[Item | None] = items
        self._made: dict[tuple[int, Form], bytes | None] = {}

    def forget(self, positions: Collection[int]) -> None:
        """These events were erased: who was not written to yet gets nothing of them."""
        gone = [isinstance(item, Ready) and item.position in positions for item in self._items]
        if any(gone):
            self._items = [None if g else item for g, item in zip(gone, self._items, strict=True)]
            self._made.clear()

    def of(self, bits: int, form: Form) -> bytes | None:
        """None when it is more than a connection may hold."""
        key = (bits, form)
        if key not in self._made:
            self._made[key] = self._join(bits, form)
        return self._made[key]

    def _join(self, bits: int, form: Form) -> bytes | None:
        frames = [
            item.frame(form)
            for index, item in enumerate(self._items)
            if bits >> index & 1 and item is not None
        ]
        if len(frames) > 1 and sum(map(len, frames)) > limits.WRITE_BUFFER_BYTES_MAX:
            return None
        return b"".join(frames)
