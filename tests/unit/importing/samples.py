"""Small archives with everything in them that can be odd, written where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHAT: dict[str, list[dict[str, Any]]] = {
    "users": [
        {"id": "n1", "messages": 3, "bot": False},
        {"id": "N2", "messages": 1, "bot": False, "name": "Asha  Rao"},
        {"id": "n3", "messages": 1, "bot": True},
    ],
    "channels": [
        {"id": 1, "name": "general"},
        {"id": 2, "name": "0.1°-run"},
        {"id": 3, "name": "x"},
    ],
    "topics": [
        {"id": 10, "channel": 1, "title": "welcome", "resolved": True, "n": 4},
        {"id": 20, "channel": 2, "title": "t" * 250, "resolved": False, "n": 1},
    ],
    "messages": [
        {"id": 1, "ts": "2020-01-01T00:00:00Z", "author": "n3", "channel": 1, "topic": 10}
        | {"text": "Welcome to #general", "system": True},
        {"id": 2, "ts": "2020-01-01T00:01:00Z", "author": "n1", "channel": 1, "topic": 10}
        | {"text": "Hello @N2 and @N2", "mentions": ["N2", "N2"]},
        {"id": 3, "ts": "2020-01-01T00:02:00Z", "author": "N2", "channel": 1, "topic": 10}
        | {"text": "> Hello\n\nHi!", "parent": 2},
        {"id": 4, "ts": "2020-01-01T00:03:00Z", "author": "n1", "channel": 2, "topic": 20}
        | {"text": "", "parent": 2},
        {"id": 5, "ts": "2020-01-01T00:04:00Z", "author": "n1", "channel": 1, "topic": 10}
        | {"text": "from elsewhere", "parent": 4},
        {"id": 6, "ts": "2020-01-01T00:05:00Z", "author": "n1", "channel": 1, "topic": 10}
        | {"text": "to something gone", "parent": 999},
    ],
}

SITE: dict[str, list[dict[str, Any]]] = {
    "users": [
        {"id": -1, "name": "Community"},
        {"id": 7, "name": " "},
        {"id": 8, "name": "n" * 130},
    ],
    "questions": [
        {"id": 1, "author": 7, "ts": "2010-08-25T19:50:51.187", "title": "Brakes?", "accepted": 2}
        | {"html": "<p>Which <em>brakes</em>?</p><pre><code>a_b\n</code></pre>"}
        | {"tags": ["road bike", "brakes", "road bike"]},
        {"id": 3, "ts": "2010-08-26T10:00:00", "title": "Old?", "html": "<p>x</p>", "tags": []}
        | {"accepted": 99, "closed": "2011-01-01"},
    ],
    "answers": [
        {"id": 2, "author": 8, "ts": "2010-08-25T20:00:00", "html": "<p>Disc.</p>", "parent": 1},
        {"id": 4, "author": 8, "ts": "2010-08-25T20:00:00", "html": "<p>lost</p>", "parent": 77},
    ],
    "comments": [
        {"id": 1, "author": 7, "ts": "2010-08-25T21:00:00", "text": "Thanks *a lot*", "parent": 2},
        {"id": 2, "ts": "2010-08-25T21:00:01", "text": "Same here", "parent": 1},
        {"id": 3, "author": 7, "ts": "2010-08-25T21:00:02", "text": "?", "parent": 77},
        {"id": 4, "author": 7, "ts": "2010-08-25T21:00:02", "text": "?", "parent": 4},
    ],
    "votes": [
        {"id": 1, "post": 2, "type": "up", "day": "2010-08-25"},
        {"id": 2, "post": 1, "type": "down", "day": "2010-08-26"},
        {"id": 3, "post": 2, "type": "accepted", "day": "2010-08-26"},
        {"id": 4, "post": 50, "type": "up", "day": "2010-08-26"},
        {"id": 5, "post": 4, "type": "up", "day": "2010-08-26"},
    ],
    "badges": [{"user": 7, "badge": "Teacher", "ts": "2010-08-25T19:26:49.550", "class": 3}],
}


def write(folder: Path, archive: dict[str, list[dict[str, Any]]]) -> Path:
    """The archive as a folder of JSON Lines files."""
    folder.mkdir(exist_ok=True)
    for name, rows in archive.items():
        write_lines(folder / f"{name}.jsonl", rows)
    return folder


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path
