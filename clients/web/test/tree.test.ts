import type { Post } from "@tap/sdk";
import { expect, test } from "vitest";

import { DEPTH_MAX, readingOrder } from "../src/thread/tree.ts";

function reply(id: string, parent: string, at: number): Post {
  return {
    id, kind: "reply", place: "c:x", root: "q", parent, author: "bela", at, title: "", text: id, topics: [], mentions: [], lang: "",
    detail: null, attachments: [], rev: 1, edited_at: null, deleted: false, source: null, accepted: null, verified_by: [], idea: null, hidden: false,
    hidden_for: "", locked: false, pinned: false,
  };
}
const ids = (replies: Post[], accepted: string | null = null): string[] => readingOrder("q", replies, accepted).map((branch) => branch.id);

test("children stand under their parent, oldest first, in whatever order they came", () => {
  const thread = [reply("b1", "b", 5), reply("b", "q", 2), reply("a2", "a", 6), reply("a", "q", 1), reply("a1", "a", 3)];
  expect(ids(thread)).toEqual(["a", "a1", "a2", "b", "b1"]);
});

test("the accepted answer comes first, with what was said about it", () => {
  const thread = [reply("a", "q", 1), reply("b", "q", 2), reply("b1", "b", 3)];
  expect(ids(thread, "b")).toEqual(["b", "b1", "a"]);
});

test("a reply whose parent is missing is shown, marked, and attached when the parent lands", () => {
  const orphan = [reply("a", "q", 1), reply("x1", "x", 2), reply("x2", "x1", 3)];
  expect(readingOrder("q", orphan, null)).toEqual([
    { id: "a", depth: 0, orphan: false }, { id: "x1", depth: 0, orphan: true }, { id: "x2", depth: 1, orphan: false },
  ]);
  expect(readingOrder("q", [...orphan, reply("x", "a", 2)], null).map(({ id, depth, orphan: lost }) => [id, depth, lost])).toEqual([
    ["a", 0, false], ["x", 1, false], ["x1", 2, false], ["x2", 3, false],
  ]);
});

test("a long quarrel does not shrink to a strip", () => {
  const deep = Array.from({ length: 9 }, (_, n) => reply(`r${n}`, n === 0 ? "q" : `r${n - 1}`, n));
  expect(Math.max(...readingOrder("q", deep, null).map((branch) => branch.depth))).toBe(DEPTH_MAX);
});

test("each reply stands exactly once, even when parents form a ring", () => {
  const ring = [reply("a", "b", 1), reply("b", "a", 2), reply("c", "q", 3)];
  expect(ids(ring).toSorted()).toEqual(["a", "b", "c"]);
});
