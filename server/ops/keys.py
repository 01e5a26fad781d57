"""The node's signing key: an Ed25519 seed in a file only the node's user may read.

The file holds base64 of the 32-byte seed (RFC 8032, section 5.1.5) and a newline. The key is the
node's identity towards its peers: whoever has it can speak for the region.
"""

import base64
import binascii
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app.sealing import KEY_BYTES
from server.federation.trust import key_id

SEED_BYTES = 32


class KeyFileError(Exception):
    """The key file is missing, damaged or open to others; the text says what to do."""


class KeyExists(KeyFileError):
    """There is a key already where one was to be drawn."""


def generate(path: Path) -> Ed25519PrivateKey:
    """Draw a key and write it with mode 0600. Never overwrites: raises KeyExists, else KeyFileError."""
    private = Ed25519PrivateKey.generate()
    text = base64.b64encode(private.private_bytes_raw()) + b"\n"
    if not _write_new(path, text):
        raise KeyExists(
            f"The key {path} exists already. It is this node's identity: keep it, or move it away first."
        )
    return private


def sealing_key(path: Path) -> bytes:
    """The key of what is sealed in the database (``app.sealing``), drawn when it is first needed, mode 0600. Raises
    KeyFileError."""
    key = os.urandom(KEY_BYTES)
    if not _write_new(path, key):
        key = _private(path)
        if len(key) != KEY_BYTES:
            raise KeyFileError(
                f"The key {path} is damaged: it should hold {KEY_BYTES} bytes. Restore it, or move it away: then "
                "webhooks need new secrets, and pseudonyms change."
            )
    return key


def _write_new(path: Path, data: bytes) -> bool:
    """A file of mode 0600, whole or not at all; False if there is one already. Raises KeyFileError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)  # else the next try would take what is left for a key
        raise KeyFileError(f"The key {path} cannot be written: {error.strerror}.") from None
    return True


def next_of(path: Path) -> Path:
    """Where the key lies that is to follow the one in ``path``."""
    return path.with_name(path.name + ".next")


def put_next_in_place(path: Path, earlier_id: str) -> None:
    """The next key becomes the key; the earlier one is kept beside it under its id.

    Whatever moment this is interrupted at, ``path`` holds one of the two, and doing it again ends it."""
    kept = path.with_name(f"{path.name}.{earlier_id}")
    if not kept.exists():
        os.link(path, kept)
    os.replace(next_of(path), path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> Ed25519PrivateKey:
    """The key, after checking that nobody else may read its file. Raises KeyFileError."""
    return _decode(path, _private(path))


def _private(path: Path) -> bytes:
    """What a file holds that nobody else may read. Raises KeyFileError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(
            f"There is no key {path}: run `tap init`, or restore it from the backup."
        ) from None
    except OSError as error:
        raise KeyFileError(f"The key {path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise KeyFileError(
            f"The key {path} may be read by others (mode {mode:04o}): run `chmod 600 {path}`."
        )
    return text


def _decode(path: Path, text: bytes) -> Ed25519PrivateKey:
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise KeyFileError(
            f"The key {path} is damaged: it should hold base64 of {SEED_BYTES} bytes. Restore it."
        )
    return Ed25519PrivateKey.from_private_bytes(seed)


def id_of(private: Ed25519PrivateKey) -> str:
    """Its name in signed heads and in the roster."""
    return key_id(private.public_key().public_bytes_raw())


def public_text(private: Ed25519PrivateKey) -> str:
    """The public key as peers write it into their configuration."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()
