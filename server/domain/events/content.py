"""Facts about posts, replies and messages, their edits, deletion and erasure."""

from server.domain.events.base import (
    AnnouncementSpec,
    ErasureScope,
    Event,
    PaperSpec,
    PollSpec,
    PostKind,
    PraiseSpec,
    ReplyKind,
    Source,
)


class PostPublished(Event, frozen=True, kw_only=True):
    """A post of any kind, or a direct message. Writer: the author's home. Merge: first (rev 1).

    ``notify``: people to tell (mentioned, praised). ``mentions`` is what the text names."""

    post: str
    kind: PostKind
    place: str
    at: int
    text: str = ""
    title: str = ""
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    lang: str = ""
    poll: PollSpec | None = None
    paper: PaperSpec | None = None
    praise: PraiseSpec | None = None
    announcement: AnnouncementSpec | None = None
    source: Source | None = None


class ReplyPublished(Event, frozen=True, kw_only=True):
    """An answer or a reply in the tree below a post. Writer: the author's home. Merge: first (rev 1).

    May arrive before its parent: it names root and place itself and is attached when the parent lands."""

    post: str
    kind: ReplyKind
    place: str
    root: str
    parent: str
    at: int
    text: str
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    lang: str = ""
    source: Source | None = None


class PostEdited(Event, frozen=True, kw_only=True):
    """Title, text and topics anew; earlier ones stay in the history. Writer: the author's home.

    Merge: higher rev; a deletion beats any edit."""

    post: str
    root: str
    place: str
    rev: int
    text: str
    title: str = ""
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    reason: str = ""
    at: int = 0


class PostDeleted(Event, frozen=True, kw_only=True):
    """The author withdrew a post or reply; replies below it stay. Writer: the author's home.

    Merge: final. Readers see that something was deleted, not what."""

    post: str
    root: str
    place: str
    rev: int


class ErasureRequested(Event, frozen=True, kw_only=True):
    """Bodies must be destroyed in every region (law, or the person's wish). Lane: control.

    Writer: home of the erased content. Merge: final; a body that arrives later is not kept."""

    request: str
    scope: ErasureScope
    target: str
    reason: str = ""


class ErasureCompleted(Event, frozen=True, kw_only=True):
    """One region's receipt for one erasure request. Lane: control. Writer: that region."""

    request: str
    region: str
    bodies: int
