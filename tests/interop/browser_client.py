"""python -m tests.interop.browser_client CHROMIUM: the talker in a page, on standard input and output.

A process of its own, because Playwright's loop and a test's own do not go together."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from tests.browser.conftest import FLAGS

TALKER = Path(__file__).with_name("talker.js")


async def main(chromium: str) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await browser.new_page()
        await page.expose_function("write", lambda line: print(line, flush=True))
        await page.add_script_tag(path=TALKER)
        await page.evaluate("() => { globalThis.hear = talker(globalThis.write); }")
        while line := await lines.readline():
            await page.evaluate("(line) => hear(line)", line.decode())
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
