"""Every route, in one list. From it come the routing, the OpenAPI document, and tests of both.

The websocket of live clients (/api/v1/live) is not here: it is no HTTP, and stands in
docs/protocol/client.md. What stands in for it where there is none is.
"""

from typing import Any

from server.api.resources import (
    commands,
    communities,
    erasures,
    feed,
    history,
    impact,
    imports,
    live,
    node,
    operator,
    people,
    session,
    sync,
    tap,
)
from server.api.route import Access, Route
from server.app.cloudevents import BATCH_MEDIA_TYPE
from server.app.sync import Page, Reset
from server.domain import limits
from server.domain.errors import Code
from server.storage.queries.shapes import FirstLoad

PREFIX = "/api/v1"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"

_WRITES = (Code.WRONG_REGION, Code.OVERLOADED, Code.READ_ONLY, Code.DISK_FULL)
_DECIDES = (
    Code.UNKNOWN_KIND,
    Code.FORBIDDEN,
    Code.NOT_FOUND,
    Code.KEY_REUSED,
    Code.CONFLICT,
    Code.NOT_YET,
    Code.CLOSED,
    Code.LOCKED,
    Code.GONE,
    Code.PEER_UNREACHABLE,
    *_WRITES,
)

ROUTES: tuple[Route, ...] = (
    # -- signing in ---------------------------------------------------------------------------------
    Route(
        "POST",
        "/login",
        "Sign in with a password; a browser gets the cookie, a device a bearer token.",
        session.login,
        session.SignedIn,
        body=session.Login,
        errors=(
            Code.BAD_CREDENTIALS,
            Code.BAD_ORIGIN,
            Code.MOVED,
            Code.RATE_LIMITED,
            Code.UNAUTHENTICATED,
            *_WRITES[1:],
        ),
        access=Access.ANYBODY,
    ),
    Route(
        "POST",
        "/logout",
        "End the session this is asked with.",
        session.logout,
        session.Done,
        errors=(Code.BAD_ORIGIN, *_WRITES[1:]),
        access=Access.ANYBODY,
    ),
    Route("GET", "/me", "Who is asking, and with which session.", session.me, session.Me),
    Route("GET", "/sessions", "Where one is signed in.", session.sessions, session.Sessions),
    Route(
        "DELETE",
        "/sessions",
        "Sign out everywhere.",
        session.logout_everywhere,
        session.Done,
        errors=_WRITES[1:],
    ),
    Route(
        "DELETE",
        "/sessions/{session}",
        "End one of one's own sessions.",
        session.end_session,
        session.Done,
        errors=_WRITES[1:],
    ),
    Route(
        "POST",
        "/me/password",
        "Change one's own password; every session ends.",
        session.change_password,
        session.Done,
        body=session.NewPassword,
        errors=(Code.BAD_CREDENTIALS, Code.RATE_LIMITED, Code.NOT_FOUND, *_WRITES),
    ),
    Route(
        "POST",
        "/tokens",
        "A bearer token for a device of one's own; by an admin, for a bot or service.",
        session.new_token,
        session.Token,
        body=session.NewToken,
        errors=(Code.FORBIDDEN, Code.NOT_FOUND, *_WRITES),
    ),
    Route(
        "POST",
        "/people",
        "Register a colleague whose home is this region, with a password and roles.",
        session.new_person,
        session.Done,
        body=session.NewPerson,
        errors=_DECIDES,
        access=Access.ADMIN,
    ),
    Route(
        "POST",
        "/people/{person}/invitation",
        "A first password for somebody at home here, who has arrived from another region or lost theirs.",
        session.invite,
        session.Invitation,
        errors=(Code.NOT_FOUND, *_WRITES),
        access=Access.ADMIN,
    ),
    # -- writing and following ----------------------------------------------------------------------
    Route(
        "POST",
        "/commands",
        "Carry out a command; the same key is carried out once.",
        commands.submit,
        commands.Carried,
        body=commands.Wish,
        errors=_DECIDES,
    ),
    Route(
        "GET",
        "/sync",
        "The first load; with `since`, what happened after a cursor.",
        sync.read,
        (FirstLoad, Page, Reset),
        query=sync.SyncQuery,
        errors=(Code.BAD_CURSOR, Code.RATE_LIMITED, Code.STOPPING),
    ),
    Route(
        "GET",
        "/live/events",
        "The live frames of a websocket as server-sent events, after a cursor.",
        live.events,
        None,
        query=live.EventsQuery,
        errors=(Code.BAD_ORIGIN, Code.RATE_LIMITED, Code.STOPPING),
        media_type=live.EVENT_STREAM,
    ),
    Route(
        "POST",
        "/live/frames",
        "Say one frame to one's event stream; the answers come on the stream.",
        live.say,
        session.Done,
        query=live.FramesQuery,
        body=dict[str, Any],
        raw_body=True,
        body_bytes_max=limits.CLIENT_FRAME_BYTES_MAX,
        errors=(
            Code.BAD_FRAME,
            Code.UNKNOWN_KIND,
            Code.NOT_FOUND,
            Code.FORBIDDEN,
            Code.RATE_LIMITED,
        ),
        status=202,
    ),
    # -- reading ------------------------------------------------------------------------------------
    Route(
        "GET",
        "/feed",
        "Posts of one's communities, newest first.",
        feed.feed,
        feed.Posts,
        query=feed.FeedQuery,
    ),
    Route(
        "GET",
        "/communities",
        "The communities one may read, newest first.",
        communities.communities,
        communities.Communities,
        query=communities.CommunitiesQuery,
    ),
    Route(
        "GET",
        "/communities/{community}",
        "One community.",
        communities.community,
        communities.Community,
    ),
    Route(
        "GET",
        "/communities/{community}/posts",
        "A community's posts, newest first.",
        feed.community_posts,
        feed.Posts,
        query=feed.PageQuery,
    ),
    Route(
        "GET",
        "/communities/{community}/reports",
        "What readers reported, for the community's moderators.",
        history.reports,
        history.Reports,
        query=history.ReportsQuery,
        errors=(Code.FORBIDDEN,),
    ),
    Route(
        "GET",
        "/conversations",
        "One's conversations, newest first.",
        communities.conversations,
        communities.Conversations,
    ),
    Route(
        "GET",
        "/conversations/{conversation}/posts",
        "A conversation's messages, newest first.",
        feed.conversation_posts,
        feed.Posts,
        query=feed.PageQuery,
    ),
    Route(
        "GET",
        "/threads/{root}",
        "A post with all below it, oldest first.",
        feed.thread,
        feed.Thread,
        query=feed.ThreadQuery,
    ),
    Route("GET", "/posts/{post}", "One post or reply.", feed.post, feed.Posts),
    Route(
        "GET",
        "/posts/{post}/history",
        "Earlier versions of a post.",
        history.history,
        history.History,
    ),
    Route(
        "GET",
        "/people",
        "Search colleagues, or name them by id.",
        people.search,
        people.People,
        query=people.PeopleQuery,
    ),
    Route(
        "GET",
        "/people/{person}",
        "A colleague and what they wrote.",
        people.person,
        people.PersonPage,
        query=people.PersonQuery,
    ),
    Route(
        "GET", "/topics", "The topic tree.", impact.topics, impact.Topics, query=impact.TopicsQuery
    ),
    Route(
        "GET",
        "/erasures",
        "Erasures one asked for; for those who see the region's through, all of it asked for.",
        erasures.many,
        erasures.ErasuresPage,
        query=erasures.ErasuresQuery,
    ),
    Route(
        "GET",
        "/erasures/{erasure}",
        "One erasure with the receipts of the regions.",
        erasures.one,
        erasures.ErasureAnswer,
    ),
    Route("GET", "/me/impact", "One's own ledger.", impact.impact, impact.Impact),
    # -- other systems ------------------------------------------------------------------------------
    Route(
        "GET",
        "/tap",
        "What this node committed after a cursor, as a CloudEvents batch.",
        tap.page,
        list[dict[str, Any]],
        query=tap.TapQuery,
        errors=(Code.BAD_CURSOR,),
        access=Access.TAP,
        media_type=BATCH_MEDIA_TYPE,
    ),
    Route(
        "GET",
        "/tap/stream",
        "The same as an endless stream, one CloudEvent a line.",
        tap.stream,
        None,
        query=tap.StreamQuery,
        errors=(Code.BAD_CURSOR,),
        access=Access.TAP,
        media_type=NDJSON,
    ),
    Route(
        "POST",
        "/import",
        "Import records of another system, one a line; repeating it changes nothing.",
        imports.run,
        imports.Imported,
        errors=(Code.BAD_ENCODING, Code.TOO_LARGE, *_WRITES[1:]),
        access=Access.IMPORT,
        body=str,
        raw_body=True,
        body_media_type=NDJSON,
        body_bytes_max=limits.IMPORT_BODY_BYTES_MAX,
    ),
    # -- the node -----------------------------------------------------------------------------------
    Route(
        "GET",
        "/node",
        "This node and its links to the other regions.",
        node.node,
        node.NodeView,
        access=Access.ANYBODY,
    ),
    Route(
        "GET",
        "/operator",
        "Every link and every lane of this node with all that is known of them.",
        operator.operator,
        operator.OperatorView,
        access=Access.OPERATOR,
    ),
)
"""Paths are below PREFIX."""

ROOT_ROUTES: tuple[Route, ...] = (
    Route("GET", "/healthz", "The process lives.", node.alive, node.Alive, access=Access.ANYBODY),
    Route(
        "GET",
        "/readyz",
        "New clients are welcome.",
        node.ready,
        node.Alive,
        errors=(Code.STOPPING, Code.RECOVERING, Code.READ_ONLY),
        access=Access.ANYBODY,
    ),
    Route(
        "GET",
        "/metrics",
        "Measurements, in Prometheus's text format.",
        node.measurements,
        None,
        access=Access.ANYBODY,
        media_type=TEXT,
    ),
)
"""At the root, where load balancers and collectors look for them."""
