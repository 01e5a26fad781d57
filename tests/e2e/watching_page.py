"""python -m tests.e2e.watching_page CHROMIUM URL TOKEN THREAD: a thread's page, watched while it lives.

Says ``open`` when the page is live. For a number of replies on standard input it waits until so many are
shown, and says as JSON what it saw. A process of its own: Playwright's loop and a test's do not go together.
``watched`` and ``shown_by`` are the test's end of it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright, expect

from server.ops.demo.nodes import Place
from tests.browser.conftest import FLAGS
from tests.support.processes import SECONDS_MAX

WAIT_MS = 60_000
WATCH = r"""() => {
  const shown = () => [...document.querySelectorAll("article.reply")]
    .map((reply) => /said \d+-\d+/.exec(reply.textContent)?.[0] ?? reply.textContent);
  globalThis.seen = { shown, gaps: [], looks: 0 };
  const look = () => {
    const next = new Map();
    seen.looks += 1;
    for (const text of shown()) {
      const [author, number] = text.replace("said ", "").split("-").map(Number);
      if (number !== (next.get(author) ?? 0)) seen.gaps.push(text);
      next.set(author, number + 1);
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
"""``gaps``: replies that ever stood there without each earlier one of their author's before them."""


async def watch(page: Page, url: str) -> None:
    loads: list[str] = []
    await page.goto(url)
    await expect(page.locator(".status-live").locator("visible=true")).to_be_visible(
        timeout=WAIT_MS
    )
    await expect(page.locator(".post.alone")).to_be_visible(timeout=WAIT_MS)
    page.on("load", lambda one: loads.append(one.url))
    await page.evaluate(WATCH)
    print("open", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        await expect(page.locator("article.reply")).to_have_count(int(line), timeout=WAIT_MS)
        await expect(page.locator(".status-live").locator("visible=true")).to_be_visible(
            timeout=WAIT_MS
        )
        saw = await page.evaluate("() => ({ ...seen, shown: seen.shown() })")
        print(json.dumps(saw | {"loads": loads}), flush=True)


async def main(chromium: str, url: str, token: str, thread: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = await browser.new_context(base_url=url)
        await context.add_cookies([{"name": "tap_session", "value": token, "url": url}])
        await watch(await context.new_page(), f"/t/{thread}")
        await browser.close()


# -- the test's end -----------------------------------------------------------------------------------------


@asynccontextmanager
async def watched(
    chromium: Path, place: Place, token: str, thread: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.e2e.watching_page", str(chromium), place.url, token]
    process = await asyncio.create_subprocess_exec(
        *(*command, thread),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        assert await line_of(process) == "open"
        yield process
    finally:
        await process.communicate(b"")  # no more questions: it ends


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(2 * SECONDS_MAX):
        return (await process.stdout.readline()).decode().strip()


async def shown_by(page: asyncio.subprocess.Process, replies: int) -> Any:
    assert page.stdin is not None
    page.stdin.write(b"%d\n" % replies)
    return json.loads(await line_of(page))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
