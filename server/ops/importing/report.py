"""What an import read, made and left out: counted by kind, each omission with its reason."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """Mutable on purpose: every stage of one import counts into the same report."""

    made: Counter[str] = field(default_factory=Counter)
    """Records by kind."""
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, reason) of what the archive holds and Tap does not get."""
    noted: Counter[str] = field(default_factory=Counter)
    """Changes on the way which lose nothing, or say what they leave behind."""

    def count(self, kind: str) -> None:
        self.made[kind] += 1

    def skip(self, kind: str, reason: str, times: int = 1) -> None:
        self.skipped[kind, reason] += times

    def note(self, what: str, times: int = 1) -> None:
        self.noted[what] += times

    def lines(self) -> list[str]:
        """The report as people read it."""
        made = [f"{kind:<12} {n:>8,}" for kind, n in sorted(self.made.items())]
        skipped = [
            f"skipped      {n:>8,}  {kind}: {reason}"
            for (kind, reason), n in sorted(self.skipped.items())
        ]
        noted = [f"note         {n:>8,}  {what}" for what, n in sorted(self.noted.items())]
        return made + skipped + noted
