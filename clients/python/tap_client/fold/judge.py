"""What others make of a post, and the person's own marks; conflated values."""

from tap_client.fold.base import (
    Body,
    Frame,
    Rule,
    Snapshot,
    change_mine,
    change_post,
    put,
    shows_poll,
    toggled,
)


def value(snapshot: Snapshot, frame: Frame) -> Snapshot:
    post = frame["id"]
    match frame["of"]:
        case "post":
            return change_post(snapshot, post, counts=frame["value"])
        case "poll" if shows_poll(snapshot["posts"].get(post)):
            before = snapshot["polls"].get(post)
            if before and before["closed"] and not frame["value"]["closed"]:
                return snapshot  # closing is final: this tally was counted before it
            return put(snapshot, "polls", post, frame["value"])
        case _:
            return snapshot


def _accepted(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return change_post(snapshot, body["question"], accepted=body.get("answer"))


def _verified(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    known = snapshot["posts"].get(body["target"])
    if known is None:
        return snapshot
    names = toggled(known["verified_by"], frame["by"], body["on"])
    return change_post(snapshot, body["target"], verified_by=names)


def _idea(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    idea = {"stage": body["stage"], "owner": body.get("owner", "")}
    idea |= {"due": body.get("due"), "note": body.get("note", "")}
    return change_post(snapshot, body["post"], idea=idea)


def _reacted(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    target, mine = body["target"], snapshot["mine"]["reactions"]
    if frame["by"] != snapshot["me"]["id"] or target not in snapshot["posts"]:
        return snapshot
    emoji = body.get("emoji", "")
    name = f"emoji:{emoji}" if body["reaction"] == "emoji" else body["reaction"]
    names = toggled(mine.get(target, ()), name, body["on"])
    others = {post: kept for post, kept in mine.items() if post != target}
    return change_mine(snapshot, reactions=others | ({target: names} if names else {}))


def _voted(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    poll, mine = body["poll"], snapshot["mine"]["ballots"]
    if frame["by"] != snapshot["me"]["id"] or not shows_poll(snapshot["posts"].get(poll)):
        return snapshot
    others = {post: chosen for post, chosen in mine.items() if post != poll}
    ballot = {} if body.get("withdrawn") else {poll: list(body.get("choices", ()))}
    return change_mine(snapshot, ballots=others | ballot)


def _followed(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    if frame["by"] != snapshot["me"]["id"]:
        return snapshot
    name = f"{body['kind']}:{body['target']}"
    return change_mine(snapshot, follows=toggled(snapshot["mine"]["follows"], name, body["on"]))


def _acknowledged(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    if frame["by"] != snapshot["me"]["id"] or body["post"] not in snapshot["posts"]:
        return snapshot
    names = toggled(snapshot["mine"]["acknowledged"], body["post"], True)
    return change_mine(snapshot, acknowledged=names)


RULES: dict[str, Rule] = {
    "reaction.changed": _reacted,
    "answer.accepted": _accepted,
    "verification.changed": _verified,
    "follow.changed": _followed,
    "announcement.acknowledged": _acknowledged,
    "idea.stage_changed": _idea,
    "ballot.cast": _voted,
}
