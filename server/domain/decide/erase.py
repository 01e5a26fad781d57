"""Erasure: what a person may have destroyed in every region, and a region's receipt for it.

docs/protocol/federation.md 15. A request goes where the content went, no further (I8): posts are
gathered by their lanes and readers, and each gathering is a request of its own with receipts of its own.
"""

from collections.abc import Iterable, Iterator, Sequence

from server.domain import limits
from server.domain.commands import EraseContent
from server.domain.decide.base import Context, Decided, Draft, Rule, lanes_of_place, refuse
from server.domain.decide.people import whereabouts
from server.domain.errors import Code, Refusal
from server.domain.events import ErasedPost, ErasureCompleted, ErasureRequested
from server.domain.facts import CommunityFact, Facts, PersonFact, PostFact
from server.domain.visibility import (
    LOCAL,
    erasure_lane,
    lane_audience,
    may_read_place,
    pair_lane,
)
from server.domain.wire import REFS_MAX

OFFICER = "privacy_officer"


def erase(
    command: EraseContent, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if command.scope == "person":
        return _person(command, who, facts, context)
    post = _erasable(command.target, who, facts, context)
    if isinstance(post, Refusal):
        return post
    return _requested([post], command, who, facts, context)


def _erasable(target: str, who: PersonFact, facts: Facts, context: Context) -> PostFact | Refusal:
    """The post, if it is the person's own or an officer's to erase. A deleted one may be: its text is
    still in the log. Who may not read a post is not told that it exists."""
    post = facts.post(target)
    own = post is not None and post.author == who.person
    officer = OFFICER in who.roles
    if post is None or post.kind == "" or not (own or officer or _reads(post, who, facts)):
        return refuse(Code.NOT_FOUND, f"there is no post {target} that you can see", "target")
    if not (own or officer):
        return refuse(
            Code.FORBIDDEN, "a post is erased by its author or a privacy officer", "target"
        )
    refusal = None if own else _wrong_writer(post, facts, context)
    if refusal is not None:
        return refusal
    if post.erased:
        return refuse(Code.GONE, "this post was erased before", "target")
    return post


def _reads(post: PostFact, who: PersonFact, facts: Facts) -> bool:
    return may_read_place(facts, who.person, post.place)


def _wrong_home(person: str, facts: Facts, context: Context) -> Refusal | None:
    """What somebody wrote is erased from their home (I7)."""
    author = facts.person(person)
    if author is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {person}", "target")
    if author.home != context.region:
        return refuse(Code.WRONG_REGION, whereabouts(author), "target")
    return None


def _wrong_writer(post: PostFact, facts: Facts, context: Context) -> Refusal | None:
    """From the author's home; what it may not have, since they moved there, from that of the community."""
    community = facts.community(post.place[2:]) if post.place.startswith("c:") else None
    author = facts.person(post.author)
    if community is None or author is None or not _is_left_behind(community, author, context):
        return _wrong_home(post.author, facts, context)
    if community.home != context.region:
        return refuse(
            Code.WRONG_REGION, f"this community is run from {community.home}: ask there", "target"
        )
    return None


def _is_left_behind(community: CommunityFact, author: PersonFact, context: Context) -> bool:
    regions = context.peers | {context.region}
    audience = lane_audience(community.audience, community.home, regions, context.groups)
    return community.home != "" and audience.isdisjoint(author.regions)


def _person(
    command: EraseContent, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if OFFICER not in who.roles:
        return refuse(Code.FORBIDDEN, "this is for the region's privacy officers")
    refusal = _wrong_home(command.target, facts, context)
    if refusal is not None:
        return refusal
    most = limits.ERASED_POSTS_PER_COMMAND_MAX
    posts = facts.posts_of(command.target, most + 1)
    decided = _requested(posts[:most], command, who, facts, context)
    return decided._replace(answer=decided.answer | {"more": len(posts) > most})


def _requested(
    posts: Sequence[PostFact],
    command: EraseContent,
    who: PersonFact,
    facts: Facts,
    context: Context,
) -> Decided:
    drafts, requests = [], []
    for lanes, is_open, part in _gathered(posts, facts, context):
        event = ErasureRequested(
            request=context.new_id(),
            scope=command.scope,
            target=command.target,
            reason=command.reason,
            posts=tuple([_left_over(post) for post in part]),
            open=is_open,
        )
        requests.append(event.request)
        refs = tuple([post.post for post in part[:REFS_MAX]])
        drafts += [Draft(lane, who.person, event, refs) for lane in lanes]
    return Decided(drafts, {"requests": requests, "posts": len(posts)})


def _gathered(
    posts: Sequence[PostFact], facts: Facts, context: Context
) -> Iterator[tuple[tuple[str, ...], bool, list[PostFact]]]:
    """Posts of the same lanes that everybody may read, or of one place, as many as one event may name: who is in
    one place is not told of another (I12)."""
    threads: dict[str, list[str]] = {}
    for post in posts:
        threads.setdefault(post.root, []).append(post.post)
    came: dict[str, set[tuple[str, str]]] = {}
    for root, names in threads.items():
        came |= facts.lanes_of(root, names)
    found: dict[tuple[tuple[str, ...], bool, str], list[PostFact]] = {}
    for post in posts:
        is_open = _is_open(post.place, facts)
        key = (
            _lanes_of(post, came[post.post], facts, context),
            is_open,
            "" if is_open else post.place,
        )
        found.setdefault(key, []).append(post)
    size = limits.ERASED_POSTS_PER_EVENT_MAX
    for (lanes, is_open, _), together in found.items():
        for start in range(0, len(together), size):
            yield lanes, is_open, together[start : start + size]


def _lanes_of(
    post: PostFact, came: Iterable[tuple[str, str]], facts: Facts, context: Context
) -> tuple[str, ...]:
    """Where the post went, also to regions that have left the conversation since, and would go today. What was
    written at an earlier home lies there too: it came from there in the lane of the two."""
    went = [
        lane if region == context.region else pair_lane(context.region, region)
        for region, lane in came
        if region == context.region or lane.startswith("pair.")
    ]
    lanes = {*went, *lanes_of_place(post.place, facts, context.region)}
    if len(lanes) > 1:
        lanes.discard(LOCAL)
    return tuple(sorted({erasure_lane(lane) for lane in lanes}))


def _is_open(place: str, facts: Facts) -> bool:
    kind, _, name = place.partition(":")
    community = facts.community(name) if kind == "c" else None
    return community is not None and community.visibility == "open"


def _left_over(post: PostFact) -> ErasedPost:
    return ErasedPost(
        post=post.post,
        kind=post.kind,
        place=post.place,
        root=post.root,
        parent=post.parent,
        author=post.author,
        at=post.at,
        rev=post.rev + 1,
    )


def receipt(
    request: str, by: str, bodies: int, lanes: Sequence[str], facts: Facts, context: Context
) -> list[Draft]:
    """This region's word that nothing is left of a request here; said once. ``lanes``: those the request
    came in, so that whoever knows of it hears of the receipt, and nobody else."""
    if facts.receipted(request, context.region):
        return []
    event = ErasureCompleted(request=request, region=context.region, bodies=bodies, by=by)
    return [Draft(lane, "", event, ()) for lane in lanes]


RULES: dict[type, Rule] = {EraseContent: erase}
