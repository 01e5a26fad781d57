"""Both stores keep the same promises; the file keeps them across restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tap_client.store import FileStore, MemoryStore, Store, Waiting

FIRST = Waiting("key-0001", {"do": "post.publish", "text": "नमस्ते"}, 5)
SECOND = Waiting("key-0002", {"do": "post.delete", "post": "x"}, 6)


@pytest.fixture(params=["memory", "file"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    if request.param == "memory":
        return MemoryStore
    return lambda: FileStore(tmp_path / "client.db")


def test_commands_wait_in_order_until_dropped(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.put(FIRST)
    store.put(SECOND)
    assert store.waiting() == [FIRST, SECOND]
    store.drop(FIRST.key)
    store.drop("never given")
    assert store.waiting() == [SECOND]
    store.close()


def test_the_cursor_is_the_last_one_moved_to(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert store.cursor() is None
    store.move("1.5")
    store.move("1.9")
    assert store.cursor() == "1.9"
    store.close()


def test_a_note_is_the_last_one_made(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert store.noted("transport:home") is None
    store.note("transport:home", "poll")
    store.note("transport:home", "events")
    assert store.noted("transport:home") == "events"
    store.close()


def test_a_file_survives_its_client(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "client.db")
    store.put(FIRST)
    store.move("1.5")
    store.close()
    again = FileStore(tmp_path / "client.db")
    again.put(FIRST)  # a repeat of the same key is the same command
    assert (again.cursor(), again.waiting()) == ("1.5", [FIRST])
    again.close()
