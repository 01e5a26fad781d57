"""Pictures made harmless: encoded anew, so that nothing is left but what is to be seen.

Pillow removes what a JPEG, PNG, WebP or GIF decoder of our own would take, and the reading of EXIF. Out go
place, device and time (EXIF, XMP), comments, thumbnails of earlier versions, and whatever was hidden behind
the picture; a turned photograph is turned for good. The colour profile stays.

Blocking and hungry: for one worker thread. Bounds are checked on the header, before a pixel is unpacked.
"""

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import ExifTags, Image
from PIL.Image import Transpose

from server.domain import limits
from server.domain.errors import Code, Mistake, Refused

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
SEVERAL = "MPO"
"""What Pillow calls many a phone's JPEG: others lie behind the picture, and go."""
THUMBNAIL_PIXELS = 480
"""Of the longer side: sharp on a phone, and a first look anywhere."""
_TRIES = ((THUMBNAIL_PIXELS, 70), (THUMBNAIL_PIXELS, 45), (320, 45), (160, 30))
"""Side and quality, until it fits: most pictures do at once, pure noise at the last."""
_SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 88, "optimize": True},
    "PNG": {},
    "GIF": {},
    "WEBP": {"quality": 88},
}
_TURNED: dict[int | None, Transpose] = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""By what EXIF says of how the camera was held: what puts the picture upright."""
_KEPT = ("icc_profile", "transparency", "background", "duration", "loop", "disposal")

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError, struct.error)
"""What Pillow's decoders tell of broken files in; its WebP encoder, of a film that cannot be."""


class Picture(NamedTuple):
    width: int
    height: int
    thumbnail: bytes
    """WebP, at most ``limits.THUMBNAIL_BYTES_MAX``."""


def clean(source: Path, target: BinaryIO) -> Picture:
    """Writes the picture anew. Raises Refused: bad_value for what is no whole picture, too_large; and OSError when
    the disk does not take it."""
    try:
        with Image.open(source, formats=FORMATS) as image:
            _check_size(image)
            return _cleaned(image, target)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's own: only decoders tell of files without a number
        raise Refused(Code.BAD_VALUE, f"this picture cannot be read: {error}") from None


def _check_size(image: Image.Image) -> None:
    """Looks at no more frames than there may be: to count those of a bomb takes minutes."""
    most = min(limits.PICTURE_FRAMES_MAX, limits.PICTURE_PIXELS_MAX // (image.width * image.height))
    if most and not _moves(image):
        return
    try:
        image.seek(most)
    except EOFError:
        image.seek(0)
    else:
        raise _too_large()


def _moves(image: Image.Image) -> bool:
    return image.format != SEVERAL and bool(getattr(image, "is_animated", False))


def _too_large() -> Refused:
    return Refused(
        Code.TOO_LARGE,
        f"a picture may have {limits.PICTURE_PIXELS_MAX // 10**6} million pixels, all its moving frames "
        f"together, and {limits.PICTURE_FRAMES_MAX} frames",
    )


def _cleaned(image: Image.Image, target: BinaryIO) -> Picture:
    kind = "JPEG" if image.format == SEVERAL else image.format or ""
    if _moves(image):
        _bare(image)
        image.save(target, kind, save_all=True, comment=b"", exif=b"", xmp=b"", **_SAVE[kind])
        image.seek(0)
        return Picture(*image.size, _thumbnail(image))
    image.load()
    upright = _upright(image)
    _bare(upright)
    upright.save(target, kind, exif=b"", **_SAVE[kind])
    return Picture(*upright.size, _thumbnail(upright))


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says, of which nothing else is looked at: what cameras write there is often malformed."""
    turn = _TURNED.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _bare(image: Image.Image) -> None:
    """Savers write what they find in ``info``: comments, and more with each version."""
    image.info = {name: value for name, value in image.info.items() if name in _KEPT}


def _thumbnail(image: Image.Image) -> bytes:
    small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    for side, quality in _TRIES:
        small.thumbnail((side, side))
        made = io.BytesIO()
        small.save(made, "WEBP", quality=quality)
        if made.tell() <= limits.THUMBNAIL_BYTES_MAX:
            return made.getvalue()
    raise Mistake("the smallest thumbnail is above the limit")
