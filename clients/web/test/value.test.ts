import type { Post } from "@tap/sdk";
import { describe, expect, test } from "vitest";

import { EMPTY, asking } from "../src/compose/composition.ts";
import { mayDecide, outcomesOf } from "../src/value/cases-data.ts";
import { heights, isQuiet, mayDispute, sumsAreQuiet } from "../src/value/impact-data.ts";
import { askingAddress, topicsAround } from "../src/value/knows-data.ts";
import { type LeaderMonth, type PeersMonth, compared, dotsOf, whereOf } from "../src/value/leader-data.ts";
import { boardMonths, monthName, quarters } from "../src/value/months.ts";
import { type RulesVersion, changesOf, exampleOf, knowledgeOf, standingOf } from "../src/value/rules-data.ts";
import { v } from "../src/value/words.ts";

const ACCEPTED = { kind: "accepted", points: 15, text: "The asker accepted your answer.", named: true, outside_unit: false };
const VERIFIED = { kind: "verified", points: 10, text: "A steward checked it.", named: false, outside_unit: true };
const RULES: RulesVersion = {
  id: "2026-1", effective: "2026-01-01", acts: [ACCEPTED, VERIFIED], rulings: [], factors: ["pair", "unit", "mutual", "border"],
  pair_shares: [1000, 500, 333], pair_credits: 127, unit_shares: [1000, 707], mutual: { threshold: 3, share: 900 }, border_share: 1250,
  cap: null, half_life_days: 180, floor_milli: null, levels_milli: [10_356, 25_000],
  expertise: { half_life_days: 540, prior_answers: 3, other_topics_share: 250, answers: 3, askers: 3, units: 2 },
  influence: { days: 180, uses: ["accepted"] },
};
const OTHER: RulesVersion = {
  ...RULES, acts: [ACCEPTED], pair_shares: [1000, 250], pair_credits: 0, unit_shares: [1000, 1000], mutual: { threshold: 7, share: 500 }, border_share: 2000,
  cap: { points: 200, exempt: ["accepted"] }, floor_milli: 1000,
  expertise: { half_life_days: 1, prior_answers: 1, other_topics_share: 0, answers: 9, askers: 8, units: 1 },
  influence: { days: 30, uses: ["accepted", "unknown"] },
};
/** Points and nothing else. */
const BARE: RulesVersion = {
  ...RULES, acts: [ACCEPTED], factors: [], pair_shares: [], pair_credits: 0, unit_shares: [], mutual: null, half_life_days: 0, levels_milli: [],
  expertise: null, influence: null,
};

const line = (mode?: "quiet" | "friendly") => ({ act: "1", ...(mode ? { mode } : {}) }) as Parameters<typeof sumsAreQuiet>[0][number];

describe("numbers of quiet communities are for who asks", () => {
  test("a line that came live says no mode and is quiet", () => {
    expect([isQuiet({}), isQuiet({ mode: "quiet" }), isQuiet({ mode: "friendly" })]).toEqual([true, true, false]);
  });

  test("one quiet line keeps the sums back, which would tell its points", () => {
    expect(sumsAreQuiet([line("friendly"), line("quiet")])).toBe(true);
    expect(sumsAreQuiet([line("friendly"), line()])).toBe(true);
    expect(sumsAreQuiet([line("friendly")])).toBe(false);
    expect(sumsAreQuiet([])).toBe(true);
  });
});

describe("bars", () => {
  test("the highest fills its place, little can be seen, nothing is nothing", () => {
    expect(heights([0, 1, 50, 100])).toEqual([0, 4, 50, 100]);
    expect(heights([0, 0])).toEqual([0, 0]);
  });
});

describe("who knows", () => {
  const posts = [["pumps", "seals"], ["pumps"], ["firmware"]].map((topics) => ({ topics }) as Pick<Post, "topics">);

  test("topics most talked about come first, equal ones by name", () => {
    expect(topicsAround([], posts, 3)).toEqual(["pumps", "firmware", "seals"]);
  });

  test("a skill of one's own is found when it is talked about, and only then", () => {
    expect(topicsAround(["seals", "chess"], posts, 2)).toEqual(["pumps", "firmware"]);
    expect(topicsAround(["chess"], [], 5)).toEqual([]);
  });

  test("asking leads to a composer that names the person and the topic", () => {
    expect(new URL(askingAddress("meera.iyer", "c++ & c"), "http://x").searchParams.get("topic")).toBe("c++ & c");
    const empty = { ...EMPTY, topics: "", text: "" };
    expect(asking(empty, "firmware", "meera.iyer")).toEqual({ topics: "firmware", text: "@meera.iyer " });
  });

  test("asked twice it names them once, and keeps what stands there", () => {
    const begun = { ...EMPTY, topics: "pumps", text: "It hums." };
    const once = asking(begun, "firmware", "meera.iyer");
    expect(once).toEqual({ topics: "pumps firmware", text: "It hums.\n@meera.iyer " });
    expect(asking({ ...EMPTY, ...once }, "firmware", "meera.iyer")).toEqual(once);
    expect(asking(begun, "", "")).toEqual({ topics: "pumps", text: "It hums." });
  });

  test("hours in common are said in words", () => {
    expect([v.sharedHours(0), v.sharedHours(45), v.sharedHours(270)]).toEqual(["no working hours in common today", "45 min together today", "4 h together today"]);
  });
});

const month = (name: string, provisional = false): LeaderMonth => ({
  month: name, provisional, reply_rate: 500, reply_ms: 1, reply_share: null, countries: 1, closed_rate: 1, heard: 0, returned: 0,
});
const peers = (name: string): PeersMonth => ({ month: name, people: 15, why: "", quartiles: {} as PeersMonth["quartiles"] });

describe("a leader beside nameless peers", () => {
  test("the newest settled month is compared, with its own peers", () => {
    const months = [month("2026-09"), month("2026-10"), month("2026-11", true)];
    expect(compared({ months, peers: [peers("2026-09"), peers("2026-10")] })).toEqual({ month: months[1], peers: peers("2026-10") });
    expect(compared({ months, peers: [peers("2026-09")] })).toEqual({ month: months[1], peers: null });
  });

  test("the running month stands alone where there is no other, and without months there is nothing", () => {
    expect(compared({ months: [month("2026-11", true)], peers: [] })?.month.month).toBe("2026-11");
    expect(compared({ months: [], peers: [] })).toBeNull();
  });

  test.each([
    ["reply_rate", 400, "below"], ["reply_rate", 500, "inside"], ["reply_rate", 801, "above"], ["reply_ms", 400, "faster"], ["reply_ms", 900, "slower"],
  ] as const)("%s of %d is %s", (measure, own, where) => {
    expect(whereOf(measure, own, { q1: 500, median: 600, q3: 800 })).toBe(where);
  });

  test("a share stands on the whole line; a time on a line that holds all of it", () => {
    expect(dotsOf("reply_rate", 250, { q1: 500, median: 600, q3: 800 })).toEqual({ own: 25, from: 50, middle: 60, to: 80 });
    const time = dotsOf("reply_ms", 1_000_000, { q1: 1, median: 2, q3: 3 });
    expect(time.own).toBeGreaterThan(80);
    expect(time.own).toBeLessThan(100);
  });
});

describe("months and quarters are UTC, whatever the reader's zone", () => {
  test("names", () => {
    expect(monthName("2026-01")).toBe("January 2026");
  });

  test("a board's month and the one before, over a new year", () => {
    expect(boardMonths(Date.UTC(2027, 0, 1))).toEqual(["2027-01", "2026-12"]);
    expect(boardMonths(Date.UTC(2026, 2, 31, 23, 59))).toEqual(["2026-03", "2026-02"]);
  });

  test("quarters, newest first", () => {
    expect(quarters(Date.UTC(2027, 1, 1), 3)).toEqual(["2027Q1", "2026Q4", "2026Q3"]);
  });
});

test("the example is reckoned by the version's own numbers, cut as the ledger cuts", () => {
  expect(exampleOf(RULES)).toEqual({ base: 15_000, share: 1250, first: 18_750, second: 500, again: 9_375 });
  expect(exampleOf(OTHER)).toEqual({ base: 15_000, share: 2000, first: 30_000, second: 250, again: 7_500 });
  expect(exampleOf(BARE)).toBeNull();
});

describe("a version of the rules in words", () => {
  test("every number is the version's", () => {
    expect(changesOf(RULES)).toEqual([
      "Thanks from one colleague saturate: in a quarter they count 100%, 50%, 33.3% …",
      "After 127 credits from one colleague in a quarter nothing is added.",
      "Thanks from one team for one post saturate: they count 100%, 70.7% …",
      "Thanks inside a circle of people who thank each other a lot count less: from 3 each way in a quarter on, up to 90% less.",
      "Thanks from another country count 1.25 times.",
      "Only from outside your team: “A steward checked it”.",
    ]);
    expect(standingOf(RULES)).toEqual([
      "Your total never fades. Your standing does: what is 180 days old counts half.",
      "Levels are thresholds, not ranks, and begin at 10.4 · 25. Nobody loses one because others rose.",
    ]);
    expect(knowledgeOf(RULES)).toEqual([
      "An answer that is 540 days old counts half.",
      "An answer on another topic counts 25%.",
      "Everybody begins with 3 answers of middling quality, so that luck is no record.",
      "An expert gave 3 answers on the topic to 3 colleagues of 2 teams.",
      "Uses of your work count from outside your team and for 180 days: “The asker accepted your answer”.",
    ]);
  });

  test("a version with other numbers shows other words", () => {
    expect(changesOf(OTHER)).toEqual([
      "Thanks from one colleague saturate: in a quarter they count 100%, 25% …",
      "Thanks from one team for one post saturate: they count 100%, 100% …",
      "Thanks inside a circle of people who thank each other a lot count less: from 7 each way in a quarter on, up to 50% less.",
      "Thanks from another country count 2 times.",
      "All acts of a UTC day give 200 points at most.",
      "Beside that limit stand: “The asker accepted your answer”.",
    ]);
    expect(standingOf(OTHER)[1]).toBe("No standing is shown below 1.");
    expect(knowledgeOf(OTHER)).toEqual([
      "An answer that is 1 day old counts half.",
      "An answer on another topic counts 0%.",
      "Everybody begins with 1 answer of middling quality, so that luck is no record.",
      "An expert gave 9 answers on the topic to 8 colleagues of 1 team.",
      "Uses of your work count from outside your team and for 30 days: “The asker accepted your answer” and “unknown”.",
    ]);
  });

  test("a version without such rules says so, and of a factor this page does not know its name", () => {
    expect(changesOf(BARE)).toEqual(["Nothing: every act is worth its points."]);
    expect(changesOf({ ...BARE, factors: ["moon"] })).toEqual(["moon"]);
    expect(standingOf(BARE)).toEqual(["Neither your total nor your standing ever fades."]);
    expect(knowledgeOf(BARE)).toEqual(["Nobody is named as knowing about a topic."]);
  });
});

test("what was done with a content is told in words, also of a kind this page does not know", () => {
  expect(v.uses({ accepted: 1, helpful: 3 })).toBe("accepted as the answer and found helpful 3 times");
  expect(v.uses({ something_new: 1 })).toBe("something_new");
});

const about = (state: "open" | "decided") => ({ case: "1", state, outcome: null });

describe("cases", () => {
  test("a line may be looked at once, and once more after a decision", () => {
    expect(mayDispute({ case: null, status: "counted" })).toBe(true);
    expect(mayDispute({ case: about("open"), status: "counted" })).toBe(false);
    expect(mayDispute({ case: about("decided"), status: "reversed" })).toBe(true);
    expect(mayDispute({ case: null, status: "lapsed" })).toBe(false);
    expect(mayDispute({ status: "counted" })).toBe(false);
  });

  test("nobody decides about themselves, and nobody without the role", () => {
    const one = { parties: ["asha", "bo"], yours: false };
    expect([mayDecide(one, "carla", true), mayDecide(one, "carla", false), mayDecide(one, "bo", true)]).toEqual([true, false, false]);
    expect(mayDecide({ ...one, yours: true }, "carla", true)).toBe(false);
  });

  test("what a case may come to", () => {
    expect(outcomesOf({ kind: "ring" })).toEqual(["dismissed", "reversed"]);
    expect(outcomesOf({ kind: "dispute" })).toEqual(["upheld", "dismissed"]);
  });
});
