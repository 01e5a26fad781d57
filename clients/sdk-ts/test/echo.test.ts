import { expect, test } from "vitest";

import type { Command } from "../src/commands.ts";
import * as echo from "../src/echo.ts";
import type { Entry } from "../src/outbox.ts";
import { NO_COUNTS, NO_TALLY, type PollSpec } from "../src/views.ts";
import { person, post } from "./fakes.ts";

function entry(command: Command, parts: Partial<Entry> = {}): Entry {
  return { key: "k", at: 1, command, state: "sent", error: null, answer: null, position: 0, before: null, ...parts };
}
const party = (on: boolean): Command => ({ do: "reaction.set", target: "p", reaction: "emoji", emoji: "🎉", on });
const helpful = (on: boolean): Command => ({ do: "reaction.set", target: "p", reaction: "helpful", on });

test("a reaction shows at once, and a refused one does not", () => {
  expect(echo.echoReactions(["solved"], [entry(helpful(true))], "p")).toEqual(["solved", "helpful"]);
  expect(echo.echoReactions(["solved"], [entry(helpful(true), { state: "failed" })], "p")).toEqual(["solved"]);
  expect(echo.echoReactions([], [entry(helpful(true))], "other")).toEqual([]);
});

test("a counter holds one's own act exactly once, before and after the node's own number", () => {
  const mine = [entry(helpful(true), { state: "done", position: 20, before: false })];
  expect(echo.echoCounts({ ...NO_COUNTS, helpful: 4 }, 19, mine, "p").helpful).toBe(5);
  expect(echo.echoCounts({ ...NO_COUNTS, helpful: 5 }, 20, mine, "p").helpful).toBe(5);
});

test("a double click counts once, there and back counts nothing", () => {
  const twice = [entry(helpful(true), { before: false }), entry(helpful(true), { before: true })];
  expect(echo.echoCounts(NO_COUNTS, 0, twice, "p").helpful).toBe(1);
  const back = [entry(helpful(true), { before: false }), entry(helpful(false), { before: true })];
  expect(echo.echoCounts(NO_COUNTS, 0, back, "p").helpful).toBe(0);
});

test("an emoji appears with its first vote and leaves with its last", () => {
  const added = echo.echoCounts(NO_COUNTS, 0, [entry(party(true), { before: false })], "p");
  expect(added.emoji).toEqual({ "🎉": 1 });
  expect(echo.echoCounts(added, 0, [entry(party(false), { before: true })], "p").emoji).toEqual({});
});

const spec: PollSpec = { method: "single", choices: ["a", "b", "c"] };
const vote = (choices: number[]): Command => ({ do: "ballot.cast", poll: "p", choices });

test("a ballot moves the bars at once, a changed one moves them back", () => {
  const tally = { ...NO_TALLY, voters: 3, counts: [2, 1, 0] };
  expect(echo.echoPoll(tally, spec, 0, [entry(vote([2]))], "p")).toEqual({ ...NO_TALLY, voters: 4, counts: [2, 1, 1] });
  const changed = entry(vote([2]), { before: [0] });
  expect(echo.echoPoll(tally, spec, 0, [changed], "p")).toEqual({ ...NO_TALLY, voters: 3, counts: [1, 1, 1] });
  const withdrawn = entry({ do: "ballot.cast", poll: "p", withdrawn: true }, { before: [0] });
  expect(echo.echoPoll(tally, spec, 0, [withdrawn], "p")).toEqual({ ...NO_TALLY, voters: 2, counts: [1, 1, 0] });
  expect(echo.echoBallot([0], [withdrawn], "p")).toBeUndefined();
});

test("a ranked ballot counts its first preference; hidden bars stay hidden", () => {
  const ranked: PollSpec = { ...spec, method: "ranked" };
  const tally = { ...NO_TALLY, voters: 0, counts: [0, 0, 0] };
  expect(echo.echoPoll(tally, ranked, 0, [entry(vote([1, 0, 2]))], "p").counts).toEqual([0, 1, 0]);
  expect(echo.echoPoll({ ...tally, counts: null }, spec, 0, [entry(vote([1]))], "p")).toEqual({ ...NO_TALLY, voters: 1, counts: null });
});

test("one's own edit, deletion and acceptance are in place at once", () => {
  const base = post("p", { text: "old" });
  expect(echo.echoPost(base, [entry({ do: "post.edit", post: "p", text: "new" })]).text).toBe("new");
  expect(echo.echoPost(base, [entry({ do: "post.delete", post: "p" })])).toMatchObject({ deleted: true, text: "" });
  expect(echo.echoPost(base, [entry({ do: "answer.accept", question: "p", answer: "r" })]).accepted).toBe("r");
  expect(echo.echoPost(base, [entry({ do: "answer.accept", question: "q", answer: "r" })])).toBe(base);
});

test("following and joining", () => {
  expect(echo.echoFollow(false, [entry({ do: "follow.set", kind: "person", target: "bela", on: true })], "person:bela")).toBe(true);
  expect(echo.echoJoined(true, [entry({ do: "membership.set", community: "c", joined: false })], "c")).toBe(false);
});

test("a changed profile shows whole at once, and a refused one does not", () => {
  const known = { ...person("asha"), title: "Lead", skills: ["tea"], roles: ["auditor"] };
  const wish: Command = { do: "profile.change", name: " Asha R ", skills: ["tea", "colour"] };
  expect(echo.echoProfile(known, [entry(wish)])).toEqual({ ...known, name: "Asha R", title: "", skills: ["tea", "colour"] });
  expect(echo.echoProfile(known, [entry(wish, { state: "failed" })])).toBe(known);
  expect(echo.echoProfile(known, [entry(helpful(true))])).toBe(known);
});
