import type { ComponentChildren, VNode } from "preact";
import { describe, expect, test } from "vitest";

import { markdownBlocks } from "../src/text/markdown.tsx";
import { mentionedIn } from "../src/text/mentions.ts";
import { decodeEntities, safeAddress, unmarked } from "../src/text/safe.ts";

const HERE = "https://tap.example";

/** Elements as text, our own components opened: enough of a browser for a tree without hooks. */
function html(node: ComponentChildren): string {
  if (node === null || node === undefined || typeof node === "boolean") return "";
  if (Array.isArray(node)) return node.map((child: ComponentChildren) => html(child)).join("");
  if (typeof node !== "object") return String(node).replaceAll("<", "&lt;");
  const { type, props } = node as VNode<Record<string, unknown>>;
  const { children, ...rest } = props as Record<string, unknown> & { children?: ComponentChildren };
  if (typeof type === "function") return html((type as (given: unknown) => ComponentChildren)(props));
  const attributes = Object.entries(rest).filter(([name, value]) => value !== undefined && name !== "dir").map(([name, value]) => ` ${name}="${String(value)}"`);
  return `<${type}${attributes.join("")}>${html(children)}</${type}>`;
}
const shown = (text: string): string => html(markdownBlocks(text, [], HERE, 2));

describe("Markdown", () => {
  test("becomes elements", () => {
    expect(shown("# Big\n\nSome **bold** and `code`.")).toBe(
      "<h3>Big</h3><p>Some <strong>bold</strong> and <code>code</code>.</p>");
    expect(shown("1. one\n2. two")).toBe('<ol start="1"><li class=""><span>one</span></li><li class=""><span>two</span></li></ol>');
  });

  test("headings make an outline without gaps, however many marks the writer took", () => {
    expect(shown("## a\n\n#### b\n\n## c").replaceAll(/<(h\d)>(.)<\/h\d>/gu, "$1$2 ")).toBe("h3a h4b h3c ");
    expect(shown("### a\n\n# b").replaceAll(/<(h\d)>(.)<\/h\d>/gu, "$1$2 ")).toBe("h3a h3b ");
  });

  test.each([
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href='javascript:alert(1)'>x</a>", "<svg/onload=alert(1)>",
  ])("shows HTML as the text it is: %s", (text) => {
    expect(shown(text)).toContain(text.slice(0, 5).replace("<", "&lt;"));
    expect(shown(text)).not.toMatch(/<(?!\/?p>)/u);
  });

  test.each(["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "&#106;avascript:alert(1)"])(
    "makes no link of %s", (address) => {
      expect(shown(`[press](${address})`)).not.toContain("<a ");
    });

  test("links lead on in a window of their own, ours stay here", () => {
    expect(shown("[x](https://other.example/a)")).toContain('href="https://other.example/a" target="_blank" rel="noopener noreferrer nofollow"');
    expect(shown(`[x](${HERE}/t/1#2)`)).toContain('<a href="/t/1#2">');
  });

  test("pictures are named, not fetched", () => {
    expect(shown("![a cat](https://other.example/cat.png)")).not.toContain("<img");
    expect(shown("![a cat](https://other.example/cat.png)")).toContain("a cat</a>");
  });

  test("a strange text is still a text", () => {
    for (const text of ["", "\u0000", "[".repeat(500), "*".repeat(999), "> ".repeat(60) + "x", "|a|\n|-|\n|b"]) expect(() => shown(text)).not.toThrow();
  });
});

test("mentions are found in words, not in addresses", () => {
  expect(mentionedIn("Ask @asha.rao, (@bela) and @chen. Not me@example.org, not /@dora, not a@b")).toEqual(["asha.rao", "bela", "chen"]);
});

test("addresses", () => {
  expect(safeAddress("/t/1", HERE)).toBe("/t/1");
  expect(safeAddress("mailto:a@example.org", HERE)).toBe("mailto:a@example.org");
  expect(safeAddress("http://[broken", HERE)).toBeNull();
});

test("entities that people write", () => {
  expect(decodeEntities("a &amp; b &lt;c&gt; &#233; &#x1F600; &nosuch; &#0;")).toBe("a & b <c> é 😀 &nosuch; &#0;");
});

test("a title shows no marks", () => {
  expect(unmarked("## The **list** of [parts](https://x) in `wiki`\n- one")).toBe("The list of parts in wiki one");
});
