"""Every route, in one list. From it come the routing, the OpenAPI document, and tests of both.

Two groups stand in files of their own: ``table_sessions`` and ``table_systems``.

The websocket of live clients (/api/v1/live) is not here: it is no HTTP, and stands in
docs/protocol/client.md. What stands in for it where there is none is.
"""

from typing import Any

from server.api.resources import (
    boards,
    cases,
    commands,
    communities,
    erasures,
    experts,
    feed,
    history,
    impact,
    leader,
    live,
    media,
    node,
    operator,
    people,
    recognition,
    scoring,
    session,
    sync,
)
from server.api.route import DECIDES, WRITES, Access, Route
from server.api.table_sessions import SIGNING_IN
from server.api.table_systems import OTHER_SYSTEMS
from server.app.recognition import Nominees
from server.app.sync import Page, Reset
from server.domain import limits
from server.domain.errors import Code
from server.storage.queries.shapes import FirstLoad

PREFIX = "/api/v1"
TEXT = "text/plain"
ANY = "*/*"

ROUTES: tuple[Route, ...] = (
    *SIGNING_IN,
    # -- writing and following ----------------------------------------------------------------------
    Route(
        "POST",
        "/commands",
        "Carry out a command; the same key is carried out once.",
        commands.submit,
        commands.Carried,
        body=commands.Wish,
        errors=(*DECIDES, Code.RATE_LIMITED),
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
        "GET",
        "/people/{person}/record",
        "What somebody's contributions tell, as far as it is shown.",
        experts.record,
        experts.PersonRecord,
    ),
    Route(
        "GET",
        "/experts",
        "Who knows about a topic, and whom to ask.",
        experts.experts,
        experts.Experts,
        query=experts.ExpertsQuery,
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
    # -- what contributions are worth ------------------------------------------------------------------
    Route("GET", "/me/impact", "One's own ledger.", impact.impact, impact.Impact),
    Route("GET", "/scoring/rules", "The rules of scoring in words.", scoring.rules, scoring.Rules),
    Route(
        "GET",
        "/me/scoring",
        "What of one's contributions may be told to others, and by whose word.",
        scoring.mine,
        scoring.ShownOfMe,
    ),
    Route(
        "GET",
        "/me/impact/lines",
        "Older lines of one's own ledger.",
        impact.lines,
        impact.Lines,
        query=impact.LinesQuery,
    ),
    Route(
        "GET",
        "/me/impact/place",
        "Where one's standing lies among those of one's region, in bands.",
        impact.place,
        impact.PlaceAnswer,
    ),
    Route(
        "GET",
        "/me/impact/export",
        "One's own ledger as a file, in CSV or JSON.",
        impact.export,
        None,
        query=impact.ExportQuery,
        media_type=ANY,
    ),
    Route(
        "GET",
        "/boards/{community}",
        "Who helped others in a community in a month, by name.",
        boards.board,
        boards.BoardAnswer,
        query=boards.BoardQuery,
    ),
    Route(
        "GET",
        "/leader",
        "How one answers as a leader, beside quartiles of peers.",
        leader.leader,
        leader.LeaderAnswer,
        errors=(Code.FORBIDDEN,),
    ),
    Route(
        "GET",
        "/recognition",
        "This region's nominees of a quarter; written down, and told to those named.",
        recognition.nominees,
        Nominees,
        query=recognition.RecognitionQuery,
        errors=(Code.FORBIDDEN, *WRITES[1:]),
    ),
    Route(
        "GET",
        "/recognition/export",
        "The same list as a CSV file.",
        recognition.export,
        None,
        query=recognition.RecognitionQuery,
        errors=(Code.FORBIDDEN, *WRITES[1:]),
        media_type=impact.CSV,
    ),
    # -- cases about credits --------------------------------------------------------------------------
    Route(
        "GET",
        "/cases",
        "Disputed ledger lines and circles of this region, for who decides them.",
        cases.listed,
        cases.Cases,
        query=cases.CasesQuery,
        errors=(Code.FORBIDDEN, Code.BAD_VALUE),
    ),
    Route(
        "GET",
        "/cases/mine",
        "Cases in which one is a party.",
        cases.mine,
        cases.OwnCases,
    ),
    Route(
        "GET",
        "/cases/{case}",
        "One case: whole for who decides, without others' names for a party.",
        cases.one,
        cases.OneCase,
        errors=(Code.NOT_FOUND,),
    ),
    # -- files ----------------------------------------------------------------------------------------
    Route(
        "POST",
        "/media",
        "Upload a file, to be attached to a post.",
        media.upload,
        media.Uploaded,
        errors=(
            Code.BAD_ENCODING,
            Code.BAD_VALUE,
            Code.TOO_LARGE,
            Code.RATE_LIMITED,
            *WRITES[1:],
        ),
        body=str,
        raw_body=True,
        body_media_type=media.BYTES,
        body_bytes_max=limits.MEDIA_BYTES_MAX,
    ),
    Route(
        "GET",
        "/media/{hash}",
        "A file of a post one may see.",
        media.read,
        None,
        errors=(Code.NOT_HERE, Code.NOT_EXPORTED),
        media_type=ANY,
    ),
    Route(
        "GET",
        "/media/{hash}/thumbnail",
        "A picture's small form.",
        media.thumbnail,
        None,
        errors=(Code.NOT_EXPORTED,),
        media_type=media.THUMBNAIL_TYPE,
    ),
    *OTHER_SYSTEMS,
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
    Route(
        "GET",
        "/federation/v1/media/{hash}",
        "A file, for another region's node.",
        media.for_peer,
        None,
        errors=(
            Code.UNKNOWN_PEER,
            Code.BAD_SIGNATURE,
            Code.EXPIRED,
            Code.NOT_HERE,
            Code.NOT_EXPORTED,
        ),
        access=Access.ANYBODY,
        media_type=media.BYTES,
    ),
)
"""At the root, where load balancers, collectors and other regions look for them."""
