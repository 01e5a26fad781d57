"""python -m tests.e2e.watching_page CHROMIUM URL TOKEN THREAD: a thread's page, watched while it lives.

Says ``open`` when the page is live. For a number of replies on standard input it waits until so many are
shown, and says as JSON what it saw. A process of its own: Playwright's loop and a test's do not go together."""

from __future__ import annotations

import asyncio
import json
import sys

from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import FLAGS

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


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
