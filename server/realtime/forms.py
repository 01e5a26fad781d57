"""What many connections are sent: its frame in each form, made when first wanted and then the same bytes for all."""

from abc import ABC, abstractmethod

from server.realtime.frames import Form


class Forms(ABC):
    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: list[bytes | None] = [None] * len(Form)

    def frame(self, form: Form) -> bytes:
        made = self._frames[form]
        if made is None:
            made = self._frames[form] = self._made(form)
        return made

    @abstractmethod
    def _made(self, form: Form) -> bytes: ...
