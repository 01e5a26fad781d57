"""What many connections are sent: its frame in each form, made when first wanted and then the same bytes for all."""

import logging
from abc import ABC, abstractmethod

from server.app import metrics
from server.realtime.frames import Form

log = logging.getLogger(__name__)


class Forms(ABC):
    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: list[bytes | None] = [None] * len(Form)

    def frame(self, form: Form) -> bytes:
        """Empty where none can be made, which is our mistake: whoever is told fails at nothing else for it, nor
        when they come back."""
        made = self._frames[form]
        if made is None:
            made = self._frames[form] = self._tried(form)
        return made

    def _tried(self, form: Form) -> bytes:
        try:
            return self._made(form)
        except Exception:
            log.exception("no frame can be made of this")
            metrics.of(metrics.LIVE_FAILURES, "frame").inc()
            return b""

    @abstractmethod
    def _made(self, form: Form) -> bytes: ...
