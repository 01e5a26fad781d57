"""What a file is, by its bytes alone."""

from __future__ import annotations

import pytest

from server.domain.media import HEAD_BYTES, PICTURES, disposition, sniffed
from tests.support.pictures import jpeg, moving, picture


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (jpeg(), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (moving(), "image/gif"),
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"PK\x03\x04 word/document.xml", "application/zip"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        ("tee, día, 茶".encode(), "text/plain"),
        (b"<svg onload='x()'/>", "text/plain"),
        (b"<!doctype html><script>x()</script>", "text/plain"),
        (b"Our new WEBP pictures", "text/plain"),
        (b"GIF89a is a format of 1989", "text/plain"),
        (b"The ftyp box", "text/plain"),
        (b"ID3 tags and OggS pages", "text/plain"),
        (b"MZ\x90\x00\x03", None),
        (b"\x7fELF\x02\x01", None),
        (b"\xff\xfe\x00h", None),
        (b"", None),
    ],
)
def test_the_bytes_say_what_it_is(head: bytes, kind: str | None) -> None:
    assert sniffed(head) == kind


def test_a_letter_cut_in_two_where_the_look_ends_is_still_text() -> None:
    assert sniffed("ä".encode() * HEAD_BYTES) == "text/plain"
    assert sniffed((b"a" + "ä".encode() * HEAD_BYTES)[:HEAD_BYTES]) == "text/plain"
    assert sniffed(b"short \xc3") is None


def test_only_pictures_are_shown_in_a_page() -> None:
    assert {disposition(kind) for kind in PICTURES} == {"inline"}
    assert {disposition(kind) for kind in ("text/plain", "application/pdf", "image/svg+xml")} == {
        "attachment"
    }
