"""Words in the unused part of a page are found; those where they should be are not."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.storage.connection import SqliteConnection
from server.storage.residue import NEEDLE_BYTES, gaps, needles, search, search_apart


def mark(number: int) -> str:
    return f"MARK-{number:06d}-" + "k" * NEEDLE_BYTES


def busy(path: Path, posts: int = 2_000) -> list[int]:
    """A table of posts many of which are edited, and then a tenth erased; the numbers of these."""
    chance = random.Random(1)
    connection = SqliteConnection(str(path))
    with connection.transaction() as tx:
        tx.cursor.execute("CREATE TABLE posts (post TEXT PRIMARY KEY, text TEXT)")
    for number in range(posts):
        with connection.transaction() as tx:
            words = mark(number) + " word" * chance.randint(1, 200)
            tx.cursor.execute("INSERT INTO posts VALUES (?, ?)", (f"p{number:08d}", words))
            if chance.random() < 0.5:
                edited = chance.randint(max(0, number - 50), number)
                words = mark(edited) + " edit" * chance.randint(1, 400)
                tx.cursor.execute(
                    "UPDATE posts SET text = ? WHERE post = ?", (words, f"p{edited:08d}")
                )
    gone = list(range(0, posts, 10))
    with connection.transaction() as tx:
        for number in gone:
            tx.cursor.execute("UPDATE posts SET text = '' WHERE post = ?", (f"p{number:08d}",))
    assert connection.settle()
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    connection.close()
    return gone


def in_file(path: Path, number: int) -> bool:
    return mark(number).encode() in path.read_bytes()


async def test_what_a_split_page_left_behind_is_found_until_the_database_is_written_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "busy.db"
    gone = busy(path)
    left = [number for number in gone if in_file(path, number)]
    assert left, "otherwise this would say nothing: SQLite leaves something here"
    wanted = needles(map(mark, gone))
    assert search(path, wanted) >= 1
    assert all(search(path, needles([mark(number)])) for number in left)
    assert await search_apart(path, wanted) == search(path, wanted)
    connection = SqliteConnection(str(path))
    connection.compact()
    assert connection.settle()
    connection.close()
    assert not any(in_file(path, number) for number in gone)
    assert search(path, wanted) == 0


def test_words_that_stand_in_a_row_are_none_of_its_business(tmp_path: Path) -> None:
    """Another post with the same text must not have the database written anew."""
    path = tmp_path / "quiet.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE posts (text TEXT)")
        connection.execute("INSERT INTO posts VALUES (?)", (mark(1),))
        connection.commit()
    assert in_file(path, 1)
    assert search(path, needles([mark(1)])) == 0
    assert list(gaps(path)) == []


def test_deleted_rows_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deleted.db"
    connection = SqliteConnection(str(path))
    with connection.transaction() as tx:
        tx.cursor.execute("CREATE TABLE posts (text TEXT)")
        tx.cursor.executemany("INSERT INTO posts VALUES (?)", [(mark(n) * 200,) for n in range(50)])
    with connection.transaction() as tx:
        tx.cursor.execute("DELETE FROM posts")
    connection.settle()
    connection.close()
    assert not any(in_file(path, number) for number in range(50))


@pytest.mark.parametrize(
    "text", ["", "no", "naïve café au lait " * 40, "x" * 10_000, "日本語" * 100]
)
def test_needles_are_pieces_from_the_whole_of_a_text(text: str) -> None:
    data, found = text.encode(), needles([text])
    assert len(found) <= 8
    assert all(piece in data and len(piece) <= NEEDLE_BYTES for piece in found)
    assert bool(found) == (len(data) >= 4)
    if found:
        assert data.startswith(found[0])


@pytest.mark.parametrize("content", [b"", b"short", b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_database_has_no_gaps(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert search(path, [b"word"]) == 0


async def test_a_search_that_cannot_be_done_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await search_apart(tmp_path / "nowhere.db", [b"word"])
