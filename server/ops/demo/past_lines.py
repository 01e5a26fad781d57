"""What was asked and answered in the demo's past. ``{site}`` and ``{model}`` are filled in anew each time.

Answers fit any question of their community, as the general part of a good answer does."""

from typing import NamedTuple


class Ask(NamedTuple):
    community: str
    title: str
    text: str
    topics: tuple[str, ...]


QUESTIONS = (
    Ask("news", "When does {site} move to the new shift plan?", "The notice names a month and no day.", ("shifts",)),
    Ask("news", "Will {site} get the training bench this year?", "Two of us would travel for it.", ("training",)),
    Ask("news", "Who decides about visitors on the test floor in {site}?", "A customer asks for a date.", ("visitors",)),
    Ask("news", "Is the canteen in {site} open during the audit?", "Forty guests would like to eat.", ("canteen",)),
    Ask("news", "What changes with the new travel rules?", "I go to {site} every other week.", ("travel",)),
    Ask("news", "Can we show the {model} at the open day in {site}?", "It would be the first time outside.", ("events",)),
    Ask("controls", "Pressure sensor of the {model} drifts in {site}", "Half a bar in a week, always upwards.", ("sensors",)),
    Ask("controls", "Which firmware for the {model} after a board change?", "{site} has three spare boards of two kinds.", ("firmware",)),
    Ask("controls", "Panel in {site} restarts at every pump start", "The supply looks fine on the meter.", ("panels", "firmware")),
    Ask("controls", "How do I read the fault memory of a {model} remotely?", "Nobody is in {site} at night.", ("firmware",)),
    Ask("controls", "Vibration sensor on the {model}: which rate is enough?", "The gateway in {site} takes 200 values a second.", ("sensors", "vibration")),
    Ask("controls", "Safe way to update forty controllers in {site}?", "They run around the clock.", ("firmware",)),
    Ask("data", "Gaps in the flow data of {site}", "About an hour a day is missing, never the same one.", ("time-series",)),
    Ask("data", "Which baseline for energy per cubic metre?", "{site} changed its tank last spring.", ("energy",)),
    Ask("data", "Notebook takes minutes on a year of {model} data", "It was quick with a month.", ("python", "time-series")),
    Ask("data", "How do you join work orders to sensor data?", "{site} writes local time, the sensors UTC.", ("python",)),
    Ask("data", "Simple alarm before a bearing fails?", "We have two years of the {model} in {site}.", ("time-series", "vibration")),
)  # fmt: skip

NEWS_ANSWERS = (
    "Good question; decided on Thursday and written up here the same day.",
    "Yes. The date is on the site calendar now, and I put it into the next bulletin.",
    "Not this quarter. The reason is money, and I would rather say so than let it drift.",
    "Ask me directly if it concerns your team; for everybody else nothing changes.",
    "I checked with {site}: it stays as it is until the audit is over.",
    "That was badly announced, sorry. Here is the short version: from Monday, for all.",
)

ANSWERS = {
    "controls": (
        "Check the ground of the shield first, at one end only. In {site} it was that, twice.",
        "The release notes have a table by board revision; the letter stands beside the connector.",
        "Log the supply at a thousand values a second while it starts. A meter is too slow to see the dip.",
        "Do one, leave it for a day under load, then ten, then the rest. Keep the old image on the second bank.",
        "The fault memory is in the holding registers from 4000 on; I put a small script into the wiki.",
        "Compare it with the test port for an hour. If both drift, it is the process and not the sensor.",
    ),
    "data": (
        "Sort by the device's own clock, not by arrival: the gaps are late packets, and they are all there.",
        "Write it as Parquet by month and read only the columns you need. Minutes become seconds.",
        "Convert to UTC when you read, once, and never again. Then the join is one line.",
        "Take the running median of a week and look at the distance from it; we found two bearings that way.",
        "Use hours at the same operating point only. The rest tells more about the weather than about the pump.",
        "I can share the notebook; it is forty lines, and {site} uses it every Monday.",
    ),
}
