/** What a first visit loads stays small (research: 90 KB of script, 20 KB of style, compressed). Needs a build. */

import { expect, test } from "vitest";

const SCRIPT_BYTES_MAX = 90 * 1024;
const STYLE_BYTES_MAX = 20 * 1024;

// Named by a variable: the client itself is checked without Node's types.
const nodeFiles: string = "node:fs";
const { existsSync, readFileSync } = (await import(nodeFiles)) as {
  existsSync(path: URL): boolean;
  readFileSync(path: URL): Uint8Array<ArrayBuffer>;
};
const built = new URL("../dist/", import.meta.url);
const page = new URL("index.html", built);
const index = existsSync(page) ? new TextDecoder().decode(readFileSync(page)) : null;

function named(pattern: RegExp): URL[] {
  return [...(index ?? "").matchAll(pattern)].map((found) => new URL(found[1] ?? "", built));
}

async function compressed(files: readonly URL[]): Promise<number> {
  const sizes = files.map(async (file) => {
    const stream = new Blob([readFileSync(file)]).stream().pipeThrough(new CompressionStream("gzip"));
    return (await new Response(stream).arrayBuffer()).byteLength;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test.skipIf(index === null)("the first visit is small", async () => {
  const script = await compressed(named(/(?:src|href)="\/([^"]+\.js)"/gu));
  const style = await compressed(named(/href="\/([^"]+\.css)"/gu));
  expect(script).toBeGreaterThan(1000);
  expect(script).toBeLessThan(SCRIPT_BYTES_MAX);
  expect(style).toBeGreaterThan(500);
  expect(style).toBeLessThan(STYLE_BYTES_MAX);
});

test.skipIf(index === null)("the page holds nothing inline, so that the security policy can forbid it", () => {
  expect(index).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/u);
});
