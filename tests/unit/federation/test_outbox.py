"""Words go before fresh events, those before what catches up, and nothing overtakes within a rank."""

from __future__ import annotations

from server.federation.outbox import Outbox, Rank


def _all(outbox: Outbox) -> list[bytes]:
    found = []
    while data := outbox.take():
        found.append(data)
    return found


def test_the_most_urgent_goes_first_and_order_is_kept() -> None:
    outbox = Outbox()
    for data, rank in (
        (b"bulk 1", Rank.BULK),
        (b"live 1", Rank.LIVE),
        (b"ack", Rank.WORD),
        (b"bulk 2", Rank.BULK),
        (b"live 2", Rank.LIVE),
        (b"ping", Rank.WORD),
    ):
        outbox.put(data, rank)
    assert _all(outbox) == [b"ack", b"ping", b"live 1", b"live 2", b"bulk 1", b"bulk 2"]
    assert outbox.take() is None


def test_a_closing_connection_says_why_and_writes_no_batch() -> None:
    outbox = Outbox()
    outbox.put(b"bulk", Rank.BULK)
    outbox.put(b"live", Rank.LIVE)
    outbox.put(b"error", Rank.WORD)
    outbox.drop_batches()
    assert _all(outbox) == [b"error"]
