"""What the company talks about: short scenes, each of which makes sense from its first line to its last.

A scene's lines after the first begin with a mark:

    ``+``  somebody else answers or replies to the first post
    ``*``  the same, and the asker will accept this answer
    ``>``  somebody else replies to the line before
    ``<``  the first post's author replies to the line before

``{site}``, ``{model}`` and ``{n}`` are filled in anew each time, so that a scene can be played again.
A line may come in the language of its region's people; that is how the company talks.
"""

from typing import NamedTuple

SITES = (
    "Pune",
    "Kochi",
    "Hyderabad",
    "Mannheim",
    "Leipzig",
    "Hamburg",
    "Campinas",
    "Santos",
    "Recife",
    "Bengaluru",
)
MODELS = ("PX-40", "PX-65", "VR-12", "VR-20", "Delta 3", "Delta 5", "Orca 80")


class Story(NamedTuple):
    """``by``: the author when it must be this person; ``poll``: its choices; ``to``: whom it praises."""

    kind: str
    community: str
    title: str
    text: str
    lines: tuple[str, ...]
    topics: tuple[str, ...] = ()
    by: str = ""
    poll: tuple[str, ...] = ()
    to: str = ""
    link: str = ""
