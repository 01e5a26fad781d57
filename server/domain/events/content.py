"""Facts about posts, replies and messages, their edits, deletion and erasure."""

from server.domain.events.base import (
    AnnouncementSpec,
    Attachments,
    ErasedPost,
    ErasureScope,
    Event,
    Id,
    Number,
    PaperSpec,
    PollSpec,
    PostKind,
    PraiseSpec,
    ReplyKind,
    Rev,
    Source,
)


class PostPublished(Event, frozen=True, kw_only=True):
    """A post of any kind, or a direct message. Writer: the author's home. Merge: first (rev 1).

    ``notify``: people to tell (mentioned, praised). ``mentions`` is what the text names."""

    post: Id
    kind: PostKind
    place: Id
    at: Number
    text: str = ""
    title: str = ""
    topics: tuple[Id, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[Id, ...] = ()
    lang: str = ""
    poll: PollSpec | None = None
    paper: PaperSpec | None = None
    praise: PraiseSpec | None = None
    announcement: AnnouncementSpec | None = None
    attachments: Attachments = ()
    source: Source | None = None


class ReplyPublished(Event, frozen=True, kw_only=True):
    """An answer or a reply in the tree below a post. Writer: the author's home. Merge: first (rev 1).

    May arrive before its parent: it names root and place itself and is attached when the parent lands."""

    post: Id
    kind: ReplyKind
    place: Id
    root: Id
    parent: Id
    at: Number
    text: str
    mentions: tuple[str, ...] = ()
    notify: tuple[Id, ...] = ()
    lang: str = ""
    attachments: Attachments = ()
    source: Source | None = None


class PostEdited(Event, frozen=True, kw_only=True):
    """Title, text and topics anew; earlier ones stay in the history, files as they are. Writer: the author's home.

    Merge: higher rev; a deletion beats any edit."""

    post: Id
    root: Id
    place: Id
    rev: Rev
    text: str
    title: str = ""
    topics: tuple[Id, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[Id, ...] = ()
    reason: str = ""
    at: Number = 0


class PostDeleted(Event, frozen=True, kw_only=True):
    """The author withdrew a post or reply; replies below it stay. Writer: the author's home.

    Merge: final. Readers see that something was deleted, not what."""

    post: Id
    root: Id
    place: Id
    rev: Rev


class ErasureRequested(Event, frozen=True, kw_only=True):
    """Bodies must be destroyed in every region that has them (law, or the person's wish).

    Lane: that of the content, but ``control`` for global content: it overtakes, and tells nobody of
    content they may not know of (I8). Writer: the home of the posts' author, or the community's where that
    one may not have them. Merge: final; a body that arrives later is not kept. ``target`` is the post or
    person; ``posts`` says exactly what is erased. ``open``: all of it stood in open communities, so
    everybody is told."""

    request: Id
    scope: ErasureScope
    target: Id
    reason: str = ""
    posts: tuple[ErasedPost, ...] = ()
    open: bool = False


class ErasureCompleted(Event, frozen=True, kw_only=True):
    """One region's receipt for one request: nothing of it is left there. Writer: that region.

    Lane: the one the request came in. Merge: latest per (request, region). ``by``: who asked, to be told."""

    request: Id
    region: Id
    bodies: Number
    by: Id = ""
