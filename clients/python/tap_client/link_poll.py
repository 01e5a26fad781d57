"""Long-polling: plain requests only, for networks that hold back everything else.

Each asks for what follows the cursor and is answered when there is something, at the latest after 25 s.
The frames of the protocol are made of the pages, so that nobody above knows the difference; typing and
presence are not heard.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any
from urllib.parse import urlencode

from tap_client.errors import Unreachable
from tap_client.exchange import exchange
from tap_client.frames import Frame
from tap_client.link import End, LinkEnded, Token, end_of
from tap_client.link_requests import RequestsLink, headers_for, parsed, post, refusal
from tap_client.places import PRESENCE, split

SYNC = "/api/v1/sync"
COMMANDS = "/api/v1/commands"
WAIT_SECONDS = 25
ANSWER_SECONDS_MAX = 10
"""Beyond the time we asked the node to wait."""
EMPTY_SECONDS_MIN = 1.0
"""Whoever answers at once with nothing does not wait as asked: it is not asked more often than this."""


class PollLink(RequestsLink):
    def __init__(self, url: str, token: Token) -> None:
        super().__init__(url, token)
        self._channels: dict[str, None] = {}
        self._since: str | None = None
        self._is_welcomed = False
        self._is_asleep = False
        self._turns: deque[Frame] = deque()  # said between two pages, in order
        self._to_do = asyncio.Event()

    async def send(self, frame: Frame) -> None:
        match frame["t"]:
            case "hello":
                self._since = frame.get("cursor")
                self._channels |= dict.fromkeys(frame.get("channels", ()))
                self._begin(self._run())
            case "do":
                await self._do(frame)
            case "token" | "typing":
                pass  # the token is asked for at every request; typing is nothing to poll for
            case _:
                self._turns.append(frame)
                self._to_do.set()

    # -- the loop ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            self._page(await self._sync(self._since, list(self._channels), 0))
            while True:
                await self._step()
        except LinkEnded as ended:
            await self._frames.put(ended)

    async def _step(self) -> None:
        if self._turns:
            await self._turn(self._turns.popleft())
            return
        self._to_do.clear()
        said = asyncio.create_task(self._to_do.wait())
        waiting = set() if self._is_asleep else {asyncio.create_task(self._wait_for_news())}
        try:
            await asyncio.wait({said, *waiting}, return_when=asyncio.FIRST_COMPLETED)
            for news in waiting:
                if news.done():
                    news.result()
        finally:
            # Whoever waits for news is asked to wait no longer; the next request says the same again.
            for task in (said, *waiting):
                task.cancel()
            await asyncio.gather(said, *waiting, return_exceptions=True)

    async def _wait_for_news(self) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        answer = await self._sync(self._since, list(self._channels), WAIT_SECONDS)
        self._page(answer)
        is_empty = not answer.get("events") and not answer.get("values")
        if is_empty and loop.time() - asked < EMPTY_SECONDS_MIN:
            await asyncio.sleep(EMPTY_SECONDS_MIN)

    def _page(self, answer: dict[str, Any]) -> None:
        """A page is told whole or not at all: the place moves before it is told."""
        cursor = str(answer.get("cursor"))
        self._since = cursor
        told: list[Frame] = []
        reset = answer.get("reset")
        if not self._is_welcomed:
            told.append(_welcome(answer))
            self._is_welcomed = True
        elif reset:
            told.append({"t": "reset", "reason": reset.get("reason", ""), "cursor": cursor})
        if refused := answer.get("refused"):
            told.append({"t": "watching", "id": 0, "channels": [], "refused": refused})
            self._forget([str(one.get("channel")) for one in refused])
        told += [*answer.get("events", ()), *answer.get("values", ())]
        if not answer.get("more"):
            told.append({"t": "mark", "cursor": cursor})
        self._turns.appendleft({"t": "tell", "frames": told})

    # -- what the client says ------------------------------------------------------------------------------

    async def _turn(self, frame: Frame) -> None:
        match frame["t"]:
            case "tell":
                for told in frame["frames"]:
                    await self._frames.put(told)
            case "watch":
                await self._watch(frame)
            case "unwatch":
                self._forget(frame["channels"])
            case "rewind":
                self._since = frame["cursor"]
            case "ping":
                self._page(await self._sync(self._since, list(self._channels), 0))
                self._turns.insert(1, {"t": "tell", "frames": [{"t": "pong"}]})
            case "background":
                self._is_asleep = True
            case "foreground":
                self._is_asleep = False

    async def _watch(self, frame: Frame) -> None:
        """With ``since``: what only these channels held after it, up to where the client is; what lies
        beyond comes with the next page of all channels."""
        names, since = list(frame["channels"]), frame.get("since")
        refused: list[dict[str, Any]] = []
        while since is not None:
            answer = await self._sync(since, names, 0)
            refused = answer.get("refused") or []
            if answer.get("reset"):
                refused = [{"channel": name, "code": "gone"} for name in names]
            for event in answer.get("events", ()):
                if self._is_replay(event, names):
                    await self._frames.put(event)
            # Each the latest: the next page knows only newer ones.
            for value in answer.get("values", ()):
                await self._frames.put(value)
            since = answer.get("cursor") if answer.get("more") else None
        denied = {one.get("channel") for one in refused}
        heard = [name for name in names if name not in denied]
        self._channels |= dict.fromkeys(heard)
        await self._frames.put(
            {"t": "watching", "id": frame["id"], "channels": heard, "refused": refused}
        )

    def _is_replay(self, event: Frame, names: list[str]) -> bool:
        here = split(self._since or "")[1]
        return bool(
            event.get("position", 0) <= here and set(event.get("channels", ())) & set(names)
        )

    def _forget(self, channels: list[str]) -> None:
        for channel in channels:
            self._channels.pop(channel, None)

    async def _do(self, frame: Frame) -> None:
        wish = {"key": frame["key"], "command": frame["command"]}
        posted = await post(self._url, COMMANDS, self._token(), wish)
        is_ok = posted.status < 400
        if posted.status == 401 or (is_ok and "cursor" not in posted.answer):
            raise LinkEnded(posted.end())
        done: Frame = {"t": "done", "key": frame["key"], "ok": is_ok}
        await self._frames.put(done | (posted.answer if is_ok else {"error": refusal(posted)}))

    # -- requests ------------------------------------------------------------------------------------------

    async def _sync(self, since: str | None, channels: list[str], wait: int) -> dict[str, Any]:
        """One page. Raises LinkEnded."""
        named = ",".join(one for one in channels if not one.startswith(PRESENCE))
        query: dict[str, Any] = {"since": since} | ({"channels": named} if named else {})
        path = SYNC if since is None else f"{SYNC}?{urlencode(query | {'wait': wait})}"
        try:
            async with asyncio.timeout(wait + ANSWER_SECONDS_MAX):
                headers = headers_for(self._token())
                async with exchange(self._url, "GET", path, headers) as answer:
                    if answer.status != 200:
                        raise LinkEnded(end_of(answer.status, answer.headers.get("retry-after")))
                    page = parsed(await answer.body())
        except (Unreachable, TimeoutError) as error:
            raise LinkEnded(End(None, str(error) or "no answer")) from error
        if "cursor" not in page:  # something before the node answered
            raise LinkEnded(end_of(200))
        with contextlib.suppress(asyncio.QueueFull):
            self._frames.put_nowait(None)  # a sign of life
        return page


def _welcome(answer: dict[str, Any]) -> Frame:
    """The welcome a first page stands for. Of a first load, which has no events, it takes who and where."""
    own = [f"u:{answer['me']['id']}"] if "me" in answer else []
    channels = [str(one) for one in answer.get("channels", own)]
    reset = answer.get("reset")
    resume = "reset" if reset else "paged" if "events" in answer else "fresh"
    return {
        "t": "welcome",
        "cursor": str(answer.get("cursor")),
        "person": next((one[2:] for one in channels if one.startswith("u:")), ""),
        "server_time": 0,
        "resume": resume,
        "reason": reset.get("reason") if reset else None,
        "channels": channels,
    }
