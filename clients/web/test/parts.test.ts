import { describe, expect, test } from "vitest";

import { ago, clockIn, day, moment, points } from "../src/format.ts";
import { type CreditLine, withLine } from "../src/value/impact-data.ts";
import { swapped } from "../src/post/ranking.tsx";
import { sentencesOf } from "../src/shell/status.tsx";
import { match } from "../src/match.ts";
import { t } from "../src/strings.ts";
import { hueOf, initialsOf } from "../src/ui/avatar.tsx";

const line = (act: string, milli_points: number): CreditLine => ({ act, milli_points }) as CreditLine;

describe("faces", () => {
  test.each([
    ["Asha Rao", "AR"], ["João da Silva", "JS"], ["प्रिया शर्मा", "पश"], ["李小龙", "李"], ["asha", "A"], ["  ", "?"], ["🙂 Bela 🙂", "B"], ["Öz Ünal", "ÖÜ"],
  ])("%s is %s", (name, initials) => {
    expect(initialsOf(name)).toBe(initials);
  });

  test("a person keeps their hue, and people do not all have one", () => {
    expect(hueOf("asha.rao")).toBe(hueOf("asha.rao"));
    expect(new Set(Array.from({ length: 100 }, (_, n) => hueOf(`person${n}`))).size).toBeGreaterThan(15);
  });
});

describe("times", () => {
  const now = Date.UTC(2026, 10, 23, 12);
  test.each([
    [now - 20_000, "this minute"], [now - 5 * 60_000, "5m ago"], [now - 3 * 3_600_000, "3h ago"], [now - 86_400_000, "yesterday"],
    [now + 3 * 86_400_000, "in 3d"], [now - 40 * 86_400_000, "Oct 14"], [now - 400 * 86_400_000, "Oct 19, 2025"],
  ])("%d", (at, text) => {
    expect(ago(at, now)).toBe(text);
  });

  test("yesterday and tomorrow are days of the calendar, not lengths of time", () => {
    const morning = new Date(2026, 10, 25, 8).getTime();
    const hours = (n: number): string => ago(morning + n * 3_600_000, morning);
    expect([hours(-47), hours(-32), hours(-24)]).toEqual(["2d ago", "yesterday", "yesterday"]);
    expect([hours(39), hours(41), hours(63), hours(65)]).toEqual(["tomorrow", "in 2d", "in 2d", "in 3d"]);
  });

  test("a moment beyond every calendar is shown as the last one", () => {
    expect(ago(2 ** 53 - 1, now)).toContain("275760");
    expect(moment(2 ** 53 - 1)).toContain("275760");
    expect(day(-(2 ** 53) + 1, now)).toContain("271");
  });

  test("a zone nobody knows is no time", () => {
    expect(clockIn("Mars/Olympus", now)).toBe("");
    expect(clockIn("Asia/Kolkata", now)).toBe("5:30 PM");
  });
});

test("points are thousandths", () => {
  expect([points(0), points(7_500), points(1_234_567)]).toEqual(["0", "7.5", "1,234.6"]);
});

test("words know one from many", () => {
  expect([t.newPosts(1), t.newPosts(2), t.newPosts(1200)]).toEqual(["1 new post", "2 new posts", "1,200 new posts"]);
  expect([t.quorum(20, 2), t.quorum(0, 1), t.quorum(0, 0)]).toEqual(["20 voters from 2 regions", "1 region", ""]);
});

test("addresses are matched whole", () => {
  expect(match("/c/:id", "/c/abc")).toEqual({ id: "abc" });
  expect(match("/p/:id", "/p/a%20b")).toEqual({ id: "a b" });
  for (const path of ["/c/", "/c", "/c/a/b", "/x/a"]) expect(match("/c/:id", path)).toBeNull();
  expect(match("/p/:id", "/p/%")).toBeNull();
});

test("ranking moves one place and stops at the ends", () => {
  expect(swapped([0, 1, 2], 1, 0)).toEqual([1, 0, 2]);
  expect(swapped([0, 1, 2], 2, 3)).toEqual([0, 1, 2]);
});

test("a credit that changed takes its earlier form's place", () => {
  expect(withLine([line("a", 1), line("b", 2)], line("b", 3))).toEqual([line("b", 3), line("a", 1)]);
  expect(withLine([line("a", 1)], null)).toEqual([line("a", 1)]);
});

test("the connection is explained in whole sentences", () => {
  const status = { phase: "live", why: "", transport: "poll", retryMs: 0 } as const;
  expect(sentencesOf(status).join(" ")).toContain("lets no live connection through");
  expect(sentencesOf({ ...status, phase: "waiting", why: "stopping", retryMs: 4_500 })).toEqual([
    "The server is restarting.", "Trying again in about 5 seconds.", "What you write is kept on this device and sent by itself.",
  ]);
  expect(sentencesOf({ ...status, phase: "opening" })).toEqual(["Connecting…"]);
});

test("who types is said for one, two and many", () => {
  expect(t.typing(["Bela"], 0)).toBe("Bela is typing…");
  expect(t.typing(["Bela", "Chen"], 0)).toBe("Bela and Chen are typing…");
  expect(t.typing(["Bela", "Chen"], 3)).toBe("Bela, Chen, and 3 others are typing…");
});
