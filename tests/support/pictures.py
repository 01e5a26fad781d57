"""Files as people have them: small, and with what a camera leaves in them."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator

from PIL import Image

GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def jpeg(size: tuple[int, int] = (64, 48), *, color: str = "red", turned: bool = False) -> bytes:
    """A photograph that knows where it was taken; ``turned``: held upright."""
    exif = Image.Exif()
    exif[MAKE] = "SecretCamera"
    exif[GPS] = {1: "N", 2: (48.0, 51.0, 29.0)}
    if turned:
        exif[ORIENTATION] = 6
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, "JPEG", exif=exif, comment=b"SecretComment")
    return made.getvalue()


def picture(kind: str, size: tuple[int, int] = (40, 30), color: str = "blue") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, kind)
    return made.getvalue()


def moving(kind: str = "GIF", frames: int = 3) -> bytes:
    made = io.BytesIO()
    colors = [Image.new("RGB", (20, 20), (90 * n % 256, 0, 0)) for n in range(frames)]
    colors[0].save(made, kind, save_all=True, append_images=colors[1:], duration=80)
    return made.getvalue()


def noise(side: int) -> bytes:
    """What compresses worst."""
    made = io.BytesIO()
    pixels = random.Random(1).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(made, "PNG")
    return made.getvalue()


async def pieces(data: bytes, size: int = 1_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
