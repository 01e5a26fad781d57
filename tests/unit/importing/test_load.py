"""Batches reach their regions in order, once, through refusals, cuts and restarts of the import."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from server.domain.errors import Refused
from server.domain.events import Source
from server.domain.import_records import ImportPerson, import_record
from server.ops.importing import load
from server.ops.importing.load import NOTHING, Batch, Outcome, Progress, Target

Answer = tuple[int, dict[str, Any]]


def person(number: int) -> ImportPerson:
    source = Source(system="test", id=f"user/{number}")
    return ImportPerson(source=source, person=f"p.{number}", name=f"Person {number}")


def people(n: int) -> list[ImportPerson]:
    return [person(number) for number in range(n)]


class FakeRegion:
    """Answers POST /api/v1/import as told; remembers who was imported, in order."""

    def __init__(self, *first_answers: Answer) -> None:
        self.known: list[str] = []
        self.tokens: set[str] = set()
        self._first = list(first_answers)

    def answer(self, token: str, body: bytes) -> Answer:
        self.tokens.add(token)
        if self._first:
            return self._first.pop(0)
        names = [import_record(line).source.id for line in body.splitlines()]
        new = [name for name in names if name not in self.known]
        self.known += new
        return 200, {"new": len(new), "known": len(names) - len(new), "refused": []}


@contextmanager
def serving(region: FakeRegion) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/api/v1/import"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = region.answer(self.headers["Authorization"], body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(
    urls: dict[str, str],
    records: list[ImportPerson],
    progress: Progress | None = None,
    sleep: Callable[[float], None] = lambda _: None,
) -> dict[str, Outcome]:
    targets = {name: Target(name, url, "secret") for name, url in urls.items()}
    names = list(urls)
    home = lambda person: names[int(person.rpartition(".")[2]) % len(names)]  # noqa: E731
    return load.send_all(
        load.batches(records, home), targets, progress or Progress(None, ""), sleep, lambda: 0.0
    )


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BATCH_RECORDS_MAX", 10)


def test_batches_are_full_in_order_and_by_region() -> None:
    made = list(load.batches(people(25), lambda name: "in" if name != "p.3" else "de"))
    assert [(b.region, b.number, len(b.lines)) for b in made] == [
        ("in", 0, 10),
        ("in", 1, 10),
        ("de", 0, 1),
        ("in", 2, 4),
    ]


def test_a_batch_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BATCH_BYTES_MAX", 300)
    made = list(load.batches(people(9), lambda _: "in"))
    assert all(sum(map(len, batch.lines)) < 450 for batch in made)
    assert len(made) > 1


def test_each_region_gets_its_own_in_order() -> None:
    india, germany = FakeRegion(), FakeRegion()
    with serving(india) as a, serving(germany) as b:
        outcomes = send({"in": a, "de": b}, people(45))
        again = send({"in": a, "de": b}, people(45))
    assert outcomes == {"in": Outcome(23, 0, ()), "de": Outcome(22, 0, ())}
    assert again == {"in": Outcome(0, 23, ()), "de": Outcome(0, 22, ())}
    assert india.known == [f"user/{n}" for n in range(0, 45, 2)]
    assert india.tokens == {"Bearer secret"}


def test_an_overloaded_region_is_asked_again_later() -> None:
    busy = {"error": {"code": "overloaded", "message": "later", "retry": True}}
    region, waits = FakeRegion((503, busy), (503, busy)), []
    with serving(region) as url:
        outcomes = send({"in": url}, people(3), sleep=waits.append)
    assert outcomes["in"].new == 3
    assert waits == [0.5, 0.5]


def test_a_final_refusal_stops_the_import_with_its_sentence() -> None:
    no = {"error": {"code": "forbidden", "message": "this token may not import", "retry": False}}
    with serving(FakeRegion((403, no))) as url, pytest.raises(Refused, match="may not import"):
        send({"in": url}, people(3))


def test_a_region_out_of_reach_is_given_up_after_a_while() -> None:
    waits: list[float] = []
    with serving(FakeRegion()) as url:
        pass  # nobody listens there any more
    with pytest.raises(Refused, match="does not answer"):
        send({"in": url}, people(3), sleep=waits.append)
    assert len(waits) == load.ATTEMPTS_MAX - 1


def test_refused_records_are_named_by_their_source() -> None:
    line = {"line": 2, "code": "wrong_region", "message": "at home in de"}
    answer = {"new": 2, "known": 0, "refused": [line]}
    with serving(FakeRegion((200, answer))) as url:
        outcomes = send({"in": url}, people(3))
    assert outcomes["in"].refused == ("in: test user/1: wrong_region: at home in de",)


def test_what_a_region_cannot_take_now_is_sent_again_and_is_not_in_until_then(
    tmp_path: Path,
) -> None:
    path = tmp_path / "progress.json"
    full = {"line": 2, "code": "disk_full", "message": "the disk of this node is full"}
    answer = 200, {"new": 1, "known": 0, "refused": [full]}
    region = FakeRegion(answer)
    with serving(region) as url:
        assert send({"in": url}, people(3))["in"] == Outcome(3, 0, ())
    still = FakeRegion(*[answer] * load.ATTEMPTS_MAX)
    with serving(still) as url:
        with pytest.raises(Refused, match="disk"):
            send({"in": url}, people(3), Progress(path, "same"))
        assert still.known == []
        send({"in": url}, people(3), Progress(path, "same"))
    assert len(still.known) == 3


def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path) -> None:
    no = {"error": {"code": "forbidden", "message": "no", "retry": False}}
    path = tmp_path / "progress.json"
    region = FakeRegion()
    with serving(region) as url:
        send({"in": url}, people(20), Progress(path, "same"))
    assert len(region.known) == 20
    second = FakeRegion()
    with serving(second) as url:
        outcomes = send({"in": url}, people(25), Progress(path, "same"))
        assert outcomes["in"] == Outcome(5, 0, ())
        assert second.known == [f"user/{n}" for n in range(20, 25)]
        # Other input starts anew.
        assert send({"in": url}, people(25), Progress(path, "other"))["in"].new == 20
    failing = FakeRegion((403, no))
    with serving(failing) as url, pytest.raises(Refused):
        send({"in": url}, people(5), Progress(tmp_path / "other.json", "x"))
    assert not Progress(tmp_path / "other.json", "x").is_done(Batch("in", 0, ()))


def test_a_fingerprint_names_input_rule_and_regions(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("x")
    first = load.fingerprint([path], "hash", ["in", "de"])
    assert first == load.fingerprint([path], "hash", ["in", "de"])
    assert first != load.fingerprint([path], "hash", ["de", "in"])
    path.write_text("xy")
    assert first != load.fingerprint([path], "hash", ["in", "de"])


def test_outcomes_add_up() -> None:
    assert NOTHING + Outcome(1, 2, ("a",)) + Outcome(3, 4, ("b",)) == Outcome(4, 6, ("a", "b"))
