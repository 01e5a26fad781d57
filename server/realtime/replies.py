"""The frames a session answers with, from what it was told."""

from server.app.handle import Answer
from server.domain.errors import Code, Refusal
from server.realtime import frames
from server.realtime.effects import Malformed, SendFrame
from server.realtime.interest import RefusedPair

TOO_FAST = Refusal(Code.RATE_LIMITED, "too many commands at once; try again in a few seconds")
STOPPING = Refusal(Code.STOPPING, "the node is stopping; try again after reconnecting")

OF_ANOTHER = Refusal(Code.FORBIDDEN, "this token is another person's: open another connection")
NOT_HEARD = Refusal(Code.FORBIDDEN, "this is no thread or conversation that you hear", "channel")


def done(key: str, outcome: Answer | Refusal) -> SendFrame:
    """The outcome of a command, under its key."""
    if isinstance(outcome, Refusal):
        error = frames.error_body(outcome)
        return SendFrame(frames.Done(key=key, ok=False, error=error))
    return SendFrame(
        frames.Done(
            key=key,
            ok=True,
            answer=outcome.result,
            cursor=outcome.cursor,
            repeated=outcome.repeated,
        )
    )


def error(refusal: Refusal) -> SendFrame:
    return SendFrame(frames.Error(error=frames.error_body(refusal)))


def watching(
    id: int, channels: tuple[str, ...], refused: tuple[RefusedPair, ...] = ()
) -> SendFrame:
    pairs = tuple([frames.RefusedChannel(channel, code) for channel, code in refused])
    return SendFrame(frames.Watching(id=id, channels=channels, refused=pairs))


def out_of_place(message: str) -> Malformed:
    """A well-formed frame where it does not belong."""
    return Malformed(Refusal(Code.BAD_FRAME, message), fatal=False)
