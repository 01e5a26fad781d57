"""What a file is, by its first bytes: what senders and names say is not believed.

Only still and moving pictures are ever shown inside a page; everything else is handed out for keeping. So a
drawing that can hold scripts (SVG) or a page (HTML) is text here, whatever it calls itself.
"""

import re

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Types with a thumbnail, which readers see in the page."""
TEXT = "text/plain"
HEAD_BYTES = 4_096
"""How much of a file is looked at."""
TAKEN = "pictures (JPEG, PNG, GIF, WebP), PDF, office documents, archives (ZIP), film, sound and plain text"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"PK\x03\x04", "application/zip"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
)
"""Offset, bytes, type, of what is no text to read; office documents are ZIP archives."""
_PDF = b"%PDF-"
"""May be all letters at its beginning."""
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def sniffed(head: bytes) -> str | None:
    """The type of a file that begins so (up to ``HEAD_BYTES``); None for what is not taken."""
    if head.startswith(_PDF):
        return "application/pdf"
    if _is_text(head[:HEAD_BYTES]):
        return TEXT
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    return None


def _is_text(head: bytes) -> bool:
    if not head or _NO_TEXT.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut in two where the look ends.
        return len(head) == HEAD_BYTES and error.start > HEAD_BYTES - 4
    return True


def disposition(kind: str) -> str:
    """``inline`` for what a page may show, else ``attachment``."""
    return "inline" if kind in PICTURES else "attachment"
