"""The routes of signing in, and of those who may: a part of ``table.ROUTES``."""

from server.api.resources import session
from server.api.route import DECIDES, WRITES, Access, Route
from server.domain.errors import Code

SIGNING_IN: tuple[Route, ...] = (
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
            *WRITES[1:],
        ),
        access=Access.ANYBODY,
    ),
    Route(
        "POST",
        "/logout",
        "End the session this is asked with.",
        session.logout,
        session.Done,
        errors=(Code.BAD_ORIGIN, *WRITES[1:]),
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
        errors=WRITES[1:],
    ),
    Route(
        "DELETE",
        "/sessions/{session}",
        "End one of one's own sessions.",
        session.end_session,
        session.Done,
        errors=WRITES[1:],
    ),
    Route(
        "POST",
        "/me/password",
        "Change one's own password; every session ends.",
        session.change_password,
        session.Done,
        body=session.NewPassword,
        errors=(Code.BAD_CREDENTIALS, Code.RATE_LIMITED, Code.NOT_FOUND, *WRITES),
    ),
    Route(
        "POST",
        "/tokens",
        "A bearer token for a device of one's own; by an admin, for a bot or service.",
        session.new_token,
        session.Token,
        body=session.NewToken,
        errors=(Code.FORBIDDEN, Code.NOT_FOUND, *WRITES),
    ),
    Route(
        "POST",
        "/people",
        "Register a colleague whose home is this region, with a password and roles.",
        session.new_person,
        session.Done,
        body=session.NewPerson,
        errors=DECIDES,
        access=Access.ADMIN,
    ),
    Route(
        "POST",
        "/people/{person}/invitation",
        "A first password for somebody at home here, who has arrived from another region or lost theirs.",
        session.invite,
        session.Invitation,
        errors=(Code.NOT_FOUND, *WRITES),
        access=Access.ADMIN,
    ),
)
