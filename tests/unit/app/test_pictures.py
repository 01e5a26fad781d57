"""What is left of a picture: what is to be seen, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from server.app import pictures
from server.app.pictures import Picture
from server.domain import limits
from server.domain.errors import Code, Refused
from tests.support.pictures import GPS, ORIENTATION, jpeg, moving, noise, picture


def cleaned(folder: Path, data: bytes) -> tuple[Picture, bytes]:
    source, target = folder / "source", io.BytesIO()
    source.write_bytes(data)
    return pictures.clean(source, target), target.getvalue()


def test_a_photograph_forgets_where_and_with_what_it_was_taken(tmp_path: Path) -> None:
    assert b"SecretCamera" in jpeg()
    found, data = cleaned(tmp_path, jpeg())
    for secret in (b"SecretCamera", b"SecretComment", b"Exif"):
        assert secret not in data
        assert secret not in found.thumbnail
    with Image.open(io.BytesIO(data)) as image:
        assert GPS not in image.getexif()
        assert (image.format, image.size) == ("JPEG", (64, 48))


def test_a_turned_photograph_is_turned_for_good(tmp_path: Path) -> None:
    found, data = cleaned(tmp_path, jpeg((64, 48), turned=True))
    assert (found.width, found.height) == (48, 64)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (48, 64)


def test_so_is_one_whose_camera_wrote_nonsense_beside(tmp_path: Path) -> None:
    data = jpeg((64, 48), turned=True)
    ascii_, short = b"\x01\x0f\x00\x02", b"\x01\x0f\x00\x03"
    assert data.count(ascii_) == 1
    found, clean = cleaned(tmp_path, data.replace(ascii_, short))
    assert (found.width, found.height) == (48, 64)
    assert b"SecretCamera" not in clean


@pytest.mark.parametrize("number", range(1, 9))
def test_however_it_was_held_up_is_up(tmp_path: Path, number: int) -> None:
    exif, made = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = number
    halves = Image.new("RGB", (64, 32), "white")
    halves.paste("black", (0, 0, 16, 16))
    halves.save(made, "PNG", exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(made))
    with Image.open(io.BytesIO(cleaned(tmp_path, made.getvalue())[1])) as image:
        assert image.convert("RGB").tobytes() == wanted.tobytes()
        assert ORIENTATION not in image.getexif()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_every_kind_stays_what_it_is(tmp_path: Path, kind: str) -> None:
    found, data = cleaned(tmp_path, picture(kind))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (kind, (found.width, found.height)) == (kind, (40, 30))
    with Image.open(io.BytesIO(found.thumbnail)) as image:
        assert image.format == "WEBP"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_keeps_moving(tmp_path: Path, kind: str) -> None:
    _, data = cleaned(tmp_path, moving(kind))
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 3


def test_words_hidden_in_a_png_and_behind_a_picture_are_gone(tmp_path: Path) -> None:
    data = picture("PNG") + b"SecretTail"
    assert b"SecretTail" not in cleaned(tmp_path, data)[1]


def test_a_thumbnail_fits_its_event_whatever_is_in_it(tmp_path: Path) -> None:
    found, _ = cleaned(tmp_path, noise(700))
    assert 0 < len(found.thumbnail) <= limits.THUMBNAIL_BYTES_MAX
    with Image.open(io.BytesIO(found.thumbnail)) as image:
        assert 160 <= max(image.size) <= pictures.THUMBNAIL_PIXELS


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(bomb, "PNG")
    assert bomb.tell() < 100_000
    with pytest.raises(Refused) as refused:
        cleaned(tmp_path, bomb.getvalue())
    assert refused.value.refusal.code is Code.TOO_LARGE


def test_so_is_a_short_film_of_too_many_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PICTURE_FRAMES_MAX", 2)
    with pytest.raises(Refused) as refused:
        cleaned(tmp_path, moving())
    assert refused.value.refusal.code is Code.TOO_LARGE


def test_all_frames_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PICTURE_PIXELS_MAX", 20 * 20 * 3)
    assert cleaned(tmp_path, moving(frames=3))[0].width == 20
    with pytest.raises(Refused) as refused:
        cleaned(tmp_path, moving(frames=4))
    assert refused.value.refusal.code is Code.TOO_LARGE


def cut_gif() -> bytes:
    """It ends within the place of its last frame."""
    data = moving("GIF")
    return data[: data.rindex(b"\x2c\0\0\0\0") + 1]


def wide_webp() -> bytes:
    """It says that it is wider than a WebP can be made."""
    data = bytearray(moving("WEBP"))
    width = data.index(b"VP8X") + 12
    data[width : width + 3] = (20_000 - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        jpeg()[:400],
        jpeg()[:12],
        b"\xff\xd8\xff" + b"x" * 400,
        picture("PNG")[:60],
        cut_gif(),
        wide_webp(),
    ],
)
def test_a_broken_picture_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        cleaned(tmp_path, data)
    assert refused.value.refusal.code is Code.BAD_VALUE


@pytest.mark.parametrize("data", [jpeg(), picture("PNG"), noise(300), moving("GIF", 30)])
def test_a_full_disk_is_not_the_pictures_fault(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "source").write_bytes(data)
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", 0) as target:
        pictures.clean(tmp_path / "source", target)
