import { describe, expect, test } from "vitest";

import { type Composition, EMPTY, KINDS, commandOf, compositionOf, missing, topicsOf } from "../src/compose/composition.ts";
import { t } from "../src/strings.ts";

const NOW = 1_000_000;
const draft = (parts: Partial<Composition>): Composition => ({ ...EMPTY, ...parts });

describe("what is missing", () => {
  test.each([
    [draft({}), t.needsText],
    [draft({ text: "hi" }), null],
    [draft({ kind: "question", text: "hi" }), t.needsTitle],
    [draft({ kind: "question", title: "Why?" }), null],
    [draft({ kind: "poll", title: "Which?", choices: ["a", " "] }), t.needsChoices],
    [draft({ kind: "poll", title: "Which?", choices: ["a", "b"] }), null],
    [draft({ kind: "praise" }), t.needsPerson],
    [draft({ kind: "praise", to: { id: "bela", name: "Bela" } }), t.needsBehaviour],
    [draft({ kind: "praise", to: { id: "bela", name: "Bela" }, behaviour: "helped" }), null],
  ])("%o", (composition, problem) => {
    expect(missing(composition)).toBe(problem);
  });
});

test("files alone are a post, and go along without what the composer shows of them", () => {
  const files = [{ hash: "h", type: "image/png", name: "a.png", alt: " A leaf " }, { hash: "i", type: "text/plain", name: "b", alt: "" }];
  expect(missing(draft({ files }))).toBeNull();
  expect(commandOf(draft({ files }), "c:1", NOW).attachments).toEqual([{ hash: "h", name: "a.png", alt: "A leaf" }, { hash: "i", name: "b" }]);
});

test("only what the kind needs is sent", () => {
  const full = draft({ title: "T", text: " x @bela ", choices: ["a", "", "b "], to: { id: "bela", name: "B" }, behaviour: "b", topics: "One, #two one" });
  const commands = KINDS.map((kind) => commandOf({ ...full, kind }, "c:1", NOW));
  expect(commands[0]).toEqual({ do: "post.publish", place: "c:1", kind: "update", text: "x @bela", topics: ["one", "two"], mentions: ["bela"] });
  expect(commands.map((command) => [command.title !== undefined, command.poll !== undefined, command.praise !== undefined])).toEqual([
    [false, false, false], [true, false, false], [true, false, false], [true, true, false], [true, false, false], [false, false, true],
  ]);
});

test("a poll closes from when it is posted", () => {
  const poll = draft({ kind: "poll", title: "T", choices: ["a", "b"], secret: true, hidden: true, closesInDays: 3 });
  expect(commandOf(poll, "c:1", NOW).poll).toEqual({
    method: "single", choices: ["a", "b"], secret: true, closes_at: NOW + 3 * 86_400_000, hidden_until_close: true,
  });
  expect(commandOf({ ...poll, closesInDays: 0 }, "c:1", NOW).poll).toMatchObject({ closes_at: null, hidden_until_close: false });
});

test("a poll asks for a quorum and a way to count only where it was wished", () => {
  const poll = draft({ kind: "poll", title: "T", choices: ["a", "b"], method: "ranked", count: "instant_runoff", quorumPeople: 20, quorumRegions: 3 });
  expect(commandOf(poll, "c:1", NOW).poll).toMatchObject({ method: "ranked", count: "instant_runoff", quorum_people: 20, quorum_regions: 3 });
  for (const other of [{ ...poll, secret: true }, { ...poll, method: "single" as const }]) {
    expect(commandOf(other, "c:1", NOW).poll).not.toHaveProperty("count");
  }
});

test("topics are single words, once each, a handful", () => {
  expect(topicsOf("#Billing, roaming  billing")).toEqual(["billing", "roaming"]);
  expect(topicsOf("a b c d e f g h i j")).toHaveLength(8);
});

const again = (composition: Composition, at = NOW): Composition | null => compositionOf(commandOf(composition, "c:1", NOW), at, () => "Bela");

describe("what was sent comes back as it was composed", () => {
  const full = draft({
    place: "c:1", title: "T", text: "x @bela", choices: ["a", "b"], method: "ranked", count: "instant_runoff", closesInDays: 3, hidden: true, quorumPeople: 20,
    quorumRegions: 3, to: { id: "bela", name: "Bela" }, behaviour: "helped", topics: "one two", files: [{ hash: "h", type: "image/png", name: "a.PNG", alt: "A leaf" }],
  });

  test.each(KINDS)("%s", (kind) => {
    const back = again({ ...full, kind });
    if (back === null) throw new Error("it was composed");
    expect(back).toMatchObject({ kind, place: "c:1", text: "x @bela", topics: "one two" });
    expect(commandOf(back, back.place, NOW)).toEqual(commandOf({ ...full, kind }, "c:1", NOW));
  });

  test("a praise without words of its own has none", () => {
    expect(again({ ...full, kind: "praise", text: "" })).toMatchObject({ text: "", behaviour: "helped", to: { id: "bela", name: "Bela" } });
  });

  test("a poll closes after as many days as it was given, by another clock too, or never", () => {
    expect(again({ ...full, kind: "poll" }, NOW - 3_600_000)?.closesInDays).toBe(3);
    expect(again({ ...full, kind: "poll", closesInDays: 0 })?.closesInDays).toBe(0);
  });

  test("a picture is known by its name", () => {
    const files = [{ hash: "h", type: "", name: "a.jpeg", alt: "" }, { hash: "i", type: "", name: "png.txt", alt: "" }];
    expect(again(draft({ files }))?.files.map(({ type }) => type)).toEqual(["image/*", ""]);
  });

  test("what is not composed here does not come back", () => {
    expect(compositionOf({ do: "post.publish", place: "d:1", kind: "message", text: "hi" }, NOW, (id) => id)).toBeNull();
  });
});
