import { describe, expect, test } from "vitest";

import { NO_TALLY, type PollResult, type PollSpec } from "@tap/sdk";

import { placesOf, regionNames, stateOf, verdictOf } from "../src/post/result.tsx";

const result = (changes: Partial<PollResult>): PollResult => ({
  order: [], pairs: [], regions: 1, quorum: true, late: [], digest: "", agreed: [], differing: [], ...changes,
});

describe("the places of a ranked poll", () => {
  test("say by how many one is preferred to the next", () => {
    const pairs = [0, 7, 9, 4, 0, 6, 2, 5, 0];
    expect(placesOf(result({ order: [[0], [1], [2]], pairs }), 3)).toEqual([
      { place: 1, choices: [0], over: { choice: 1, votes: 7, against: 4 } },
      { place: 2, choices: [1], over: { choice: 2, votes: 6, against: 5 } },
      { place: 3, choices: [2], over: null },
    ]);
  });

  test("are shared by those who are tied, and counted on after them", () => {
    expect(placesOf(result({ order: [[0, 2], [1]], pairs: [0, 1, 1, 1, 0, 1, 1, 1, 0] }), 3)).toEqual([
      { place: 1, choices: [0, 2], over: null },
      { place: 3, choices: [1], over: null },
    ]);
  });

  test("of an instant runoff compare nobody", () => {
    expect(placesOf(result({ order: [[1], [0]] }), 2).map(({ over }) => over)).toEqual([null, null]);
  });
});

test("a quorum is asked for, met or missed", () => {
  const spec: PollSpec = { method: "single", choices: ["a", "b"], quorum_people: 20, quorum_regions: 3 };
  expect(verdictOf({ method: "single", choices: ["a", "b"] }, result({}))).toBe("");
  expect(verdictOf(spec, null)).toBe("counts with 20 voters from 3 regions");
  expect(verdictOf(spec, result({}))).toBe("quorum of 20 voters from 3 regions met");
  expect(verdictOf(spec, result({ quorum: false }))).toBe("not valid: the quorum of 20 voters from 3 regions was missed");
});

test("regions are written in capitals", () => {
  expect(regionNames(["br", "de", "in"])).toBe("BR, DE, and IN");
});

test("a poll that ends says whom it waits for", () => {
  const now = Date.UTC(2026, 10, 23, 12);
  const spec: PollSpec = { method: "single", choices: ["a", "b"], closes_at: now + 3 * 86_400_000 };
  expect(stateOf(spec, NO_TALLY, false, now)).toBe("closes in 3d");
  expect(stateOf({ ...spec, closes_at: null }, NO_TALLY, false, now)).toBe("");
  expect(stateOf(spec, NO_TALLY, true, now)).toBe("closing…");
  expect(stateOf(spec, { ...NO_TALLY, closing: true, waiting: ["br"] }, true, now)).toBe("closing… waiting for BR");
  expect(stateOf(spec, { ...NO_TALLY, closed: true }, true, now)).toBe("closed");
});
