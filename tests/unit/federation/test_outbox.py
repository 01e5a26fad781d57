"""Words go before fresh events, those before who is there, that before what catches up; none overtakes in its rank."""

from __future__ import annotations

from server.federation.outbox import Outbox, Rank


def _all(outbox: Outbox) -> list[bytes]:
    found = []
    while messages := outbox.take():
        assert len(messages) == 1
        found += messages
    return found


def test_the_most_urgent_goes_first_and_order_is_kept() -> None:
    outbox = Outbox()
    for data, rank in (
        (b"bulk 1", Rank.BULK),
        (b"present", Rank.EPHEMERAL),
        (b"live 1", Rank.LIVE),
        (b"ack", Rank.WORD),
        (b"bulk 2", Rank.BULK),
        (b"live 2", Rank.LIVE),
        (b"ping", Rank.WORD),
    ):
        outbox.put(data, rank)
    assert _all(outbox) == [b"ack", b"ping", b"live 1", b"live 2", b"present", b"bulk 1", b"bulk 2"]
    assert outbox.take() == []


def test_a_closing_connection_says_why_and_writes_no_batch() -> None:
    outbox = Outbox()
    outbox.put(b"bulk", Rank.BULK)
    outbox.put(b"live", Rank.LIVE)
    outbox.put(b"present", Rank.EPHEMERAL)
    outbox.put(b"error", Rank.WORD)
    outbox.drop_batches()
    assert _all(outbox) == [b"error"]


def test_what_goes_together_fits_and_keeps_its_ranks() -> None:
    outbox = Outbox()
    for data, rank in ((b"b" * 6, Rank.BULK), (b"w" * 3, Rank.WORD), (b"l" * 3, Rank.LIVE)):
        outbox.put(data, rank)
    assert outbox.take(8) == [b"www", b"lll"]
    assert outbox.take(3) == [b"bbbbbb"], "one goes, however large"
