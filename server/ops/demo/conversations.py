"""Direct messages the demo's people have exchanged, as beats like any others."""

from collections.abc import Iterator
from typing import NamedTuple

from server.ops.demo.director import Beat, Ref


class Talk(NamedTuple):
    """``lines``: who says what; the first speaker starts it."""

    members: tuple[str, ...]
    title: str
    lines: tuple[tuple[str, str], ...]


TALKS = (
    Talk(
        ("asha.rao", "katharina.vogel", "beatriz.carvalho"),
        "Town hall",
        (
            ("asha.rao", "Slides are in the folder. Katharina, can you take the questions part?"),
            (
                "katharina.vogel",
                "Gladly. Ten minutes, and the open ones go to the community after.",
            ),
            ("beatriz.carvalho", "I have the photos from Santos, two are really good."),
            ("asha.rao", "Perfect. Rehearsal on Thursday, 11:30 UTC?"),
        ),
    ),
    Talk(
        ("meera.iyer", "diego.almeida"),
        "",
        (
            ("meera.iyer", "Your replay found a bug in my ramp 😬"),
            ("diego.almeida", "Only one? Then it was a good week."),
            ("meera.iyer", "Fix is in the next build. Thank you!"),
        ),
    ),
    Talk(
        ("lena.brandt", "camila.oliveira"),
        "",
        (
            ("camila.oliveira", "Do you have the raw points of the trimmed impeller?"),
            ("lena.brandt", "Sent. Point 7 is suspicious, the flow meter had air."),
        ),
    ),
)


def beats(talk: Talk) -> Iterator[Beat]:
    """Starting the conversation, then its messages."""
    starter = talk.lines[0][0]
    others = [member for member in talk.members if member != starter]
    yield Beat(starter, {"do": "conversation.start", "members": others, "title": talk.title})
    for person, text in talk.lines:
        place = Ref(0, "d:")
        yield Beat(person, {"do": "post.publish", "place": place, "kind": "message", "text": text})
