"""Which line of which scene comes next: a pure fold of what was said, driven by a seed.

A scene is a story with a cast. It becomes a row of *beats*: things a person does, in order, where later
ones refer to what earlier ones made (``Ref``). The stage asks for the next cue, performs it, and says
how it went. A beat that came too early (its target has not reached that person's region yet) is tried
again a little later.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from server.ops.demo import company
from server.ops.demo.stories import STORIES
from server.ops.demo.story import MODELS, SITES, Story

SCENES_OPEN_MIN = 3
STORIES_RESTING = 20
"""So many other stories are told before one comes again."""
TRIES_MAX = 40
TRY_AGAIN_MS = 500
DAY_MS = 24 * 3600 * 1000
EMOJI = ("👍", "🎉", "💡", "❤️", "👏", "😄")
STAGES = ("reviewed", "shortlisted", "accepted")


class Ref(NamedTuple):
    """What beat ``beat`` of the scene made; ``prefix`` goes before its id."""

    beat: int
    prefix: str = ""


class Beat(NamedTuple):
    """``command`` holds Refs where ids of this scene belong."""

    person: str
    command: dict[str, Any]


class Cue(NamedTuple):
    """The next thing to do, with every id filled in."""

    scene: int
    beat: int
    person: str
    command: dict[str, Any]


class Scene:
    """One story being told."""

    def __init__(self, beats: Sequence[Beat]) -> None:
        self.beats = beats
        self.at = 0
        self.made: dict[int, str] = {}
        self.playing = False
        self.not_before = 0
        self.tries = 0


class Director:
    """``communities``: the demo's keys with the ids they have on the nodes."""

    def __init__(self, communities: dict[str, str], chance: Random) -> None:
        self._communities = communities
        self._chance = chance
        self._open: dict[int, Scene] = {}
        self._count = 0
        self._resting: deque[Story] = deque(maxlen=STORIES_RESTING)

    # -- opening scenes ----------------------------------------------------------------------------

    def open(self, story: Story, now: int) -> None:
        self._resting.append(story)
        cast = Cast(story, self._communities[story.community], self._chance, now)
        self.play(cast.beats())

    def play(self, beats: Iterable[Beat]) -> None:
        """A scene whose beats are ready."""
        self._count += 1
        self._open[self._count] = Scene(list(beats))

    def keep_open(self, now: int) -> None:
        """There is always something going on."""
        while len(self._open) < SCENES_OPEN_MIN:
            rested = [story for story in STORIES if story not in self._resting]
            self.open(self._chance.choice(rested), now)

    @property
    def is_quiet(self) -> bool:
        """Every scene has been told to its end."""
        return not self._open

    # -- playing --------------------------------------------------------------------------------------

    def next(self, now: int) -> Cue | None:
        """A cue of a scene nobody is playing; None when all are busy or waiting."""
        ready = [
            number
            for number, scene in self._open.items()
            if not scene.playing and scene.not_before <= now
        ]
        if not ready:
            return None
        number = self._chance.choice(ready)
        scene = self._open[number]
        scene.playing = True
        beat = scene.beats[scene.at]
        return Cue(number, scene.at, beat.person, filled(beat.command, scene.made))

    def done(self, cue: Cue, answer: dict[str, Any]) -> None:
        """The cue was performed; its answer may name what it made."""
        made = answer.get("post") or answer.get("conversation")
        if made:
            self._open[cue.scene].made[cue.beat] = str(made)
        self._forward(cue)

    def too_early(self, cue: Cue, now: int) -> None:
        """Its target is not there yet: again later, or never when it takes too long."""
        scene = self._open[cue.scene]
        scene.playing = False
        scene.tries += 1
        scene.not_before = now + TRY_AGAIN_MS
        if scene.tries >= TRIES_MAX:
            del self._open[cue.scene]

    def refused(self, cue: Cue) -> None:
        """The node said no. What others do may go on without a reaction, not without a post."""
        if cue.command["do"] in ("post.publish", "reply.publish", "conversation.start"):
            del self._open[cue.scene]
        else:
            self._forward(cue)

    def _forward(self, cue: Cue) -> None:
        scene = self._open[cue.scene]
        scene.at += 1
        scene.playing, scene.tries = False, 0
        if scene.at == len(scene.beats):
            del self._open[cue.scene]


class Cast:
    """Gives a story its people, places and numbers, and writes its beats."""

    def __init__(self, story: Story, community: str, chance: Random, now: int) -> None:
        self._story = story
        self._place = "c:" + community
        self._chance = chance
        self._now = now
        self._slots = {
            "site": chance.choice(SITES),
            "model": chance.choice(MODELS),
            "n": chance.randint(11, 48),
        }
        self.author = self._author()
        others = [person for person in company.PEOPLE if person.id != self.author]
        chance.shuffle(others)
        # Those who know the topic answer first; a colleague from elsewhere before a neighbour.
        home = company.PERSON[self.author].region
        others.sort(key=lambda p: (not set(p.skills) & set(story.topics), p.region == home))
        self._others = deque(person.id for person in others)
        self._beat = 0

    def _author(self) -> str:
        if self._story.by:
            return self._story.by
        people = [person.id for person in company.PEOPLE if person.id != self._story.to]
        return self._chance.choice(people)

    def _somebody(self, *but: str) -> str:
        """The next in turn who is none of these."""
        for _ in range(len(self._others)):
            person = self._others.popleft()
            self._others.append(person)
            if person not in but:
                return person
        raise AssertionError("the company has more people than a line excludes")

    def _text(self, text: str) -> str:
        """Fills the slots; other braces (code in a text) stay."""
        for name, value in self._slots.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    # -- beats ----------------------------------------------------------------------------------------

    def beats(self) -> Iterator[Beat]:
        root = Ref(0)
        yield self._beat_of(self.author, self._opening())
        yield from self._by_kind(root)
        last, speaker, accepted = root, self.author, None
        for line in self._story.lines:
            mark, text = line[0], self._text(line[1:])
            person = self.author if mark == "<" else self._somebody(self.author, speaker)
            parent = root if mark in "+*" else last
            last, speaker = Ref(self._beat), person
            reply = {"do": "reply.publish", "parent": parent, "text": text}
            yield self._beat_of(person, reply)
            yield from self._applause(last, person)
            if mark == "*":
                accepted = (last, person)
        if accepted is not None:
            yield from self._acceptance(root, *accepted)
        yield from self._applause(root, self.author)

    def _beat_of(self, person: str, command: dict[str, Any]) -> Beat:
        self._beat += 1
        return Beat(person, command)

    def _opening(self) -> dict[str, Any]:
        story = self._story
        command: dict[str, Any] = {
            "do": "post.publish",
            "place": self._place,
            "kind": story.kind,
            "text": self._text(story.text),
            "title": self._text(story.title),
            "topics": list(story.topics),
        }
        return command | self._part(story)

    def _part(self, story: Story) -> dict[str, Any]:
        """What belongs to the post's kind alone."""
        match story.kind:
            case "poll":
                choices = [self._text(choice) for choice in story.poll]
                closes = self._now + 7 * DAY_MS
                return {"poll": {"method": "single", "choices": choices, "closes_at": closes}}
            case "praise":
                return {"praise": {"to": story.to, "behaviour": self._text(story.text)}}
            case "paper":
                return {"paper": {"abstract": self._text(story.text), "link": story.link}}
            case "announcement":
                return {"announcement": {"acknowledge": True}}
            case _:
                return {}

    def _by_kind(self, root: Ref) -> Iterator[Beat]:
        match self._story.kind:
            case "poll":
                for person in self._some(12):
                    choice = self._chance.randrange(len(self._story.poll))
                    vote = {"do": "ballot.cast", "poll": root, "choices": [choice]}
                    yield self._beat_of(person, vote)
            case "announcement":
                for person in self._some(8):
                    yield self._beat_of(person, {"do": "announcement.acknowledge", "post": root})
            case "idea":
                yield from self._stages(root)

    def _stages(self, root: Ref) -> Iterator[Beat]:
        owner = company.COMMUNITY[self._story.community].owner
        for stage in STAGES[: self._chance.randint(1, len(STAGES))]:
            move: dict[str, Any] = {"do": "idea.move", "post": root, "stage": stage}
            if stage == "accepted":
                move |= {"owner": self._somebody(self.author), "due": self._now + 60 * DAY_MS}
            yield self._beat_of(owner, move)

    def _acceptance(self, root: Ref, answer: Ref, answerer: str) -> Iterator[Beat]:
        accept = {"do": "answer.accept", "question": root, "answer": answer}
        yield self._beat_of(self.author, accept)
        yield self._beat_of(self.author, _reaction(answer, "solved"))
        steward = company.COMMUNITY[self._story.community].owner
        if steward != answerer and self._chance.random() < 0.4:
            verify = {"do": "verification.set", "target": answer, "on": True}
            yield self._beat_of(steward, verify)

    def _applause(self, target: Ref, author: str) -> Iterator[Beat]:
        for person in self._some(self._chance.choice((0, 0, 1, 2, 3)), author):
            if self._chance.random() < 0.45:
                yield self._beat_of(person, _reaction(target, "helpful"))
            else:
                emoji = self._chance.choice(EMOJI)
                yield self._beat_of(person, _reaction(target, "emoji", emoji))

    def _some(self, most: int, *but: str) -> list[str]:
        people = [person.id for person in company.PEOPLE if person.id not in but]
        return self._chance.sample(people, min(most, len(people)))


def _reaction(target: Ref, reaction: str, emoji: str = "") -> dict[str, Any]:
    command = {"do": "reaction.set", "target": target, "reaction": reaction, "on": True}
    return command | ({"emoji": emoji} if emoji else {})


def filled(command: dict[str, Any], made: dict[int, str]) -> dict[str, Any]:
    """The command with ids in the place of Refs."""
    return {
        name: value.prefix + made[value.beat] if isinstance(value, Ref) else value
        for name, value in command.items()
    }
