import type { Api } from "@tap/sdk";
import { describe, expect, test } from "vitest";

import { mayModerate } from "../src/communities.ts";
import { type Report, allReports, answerOf, answersLeft, parted } from "../src/pages/reports-data.ts";
import { t } from "../src/strings.ts";

const report = (post: string, answer: Partial<Report> = {}): Report => ({ post, reasons: ["rude"], resolved: false, upheld: false, note: "", seen: 1, ...answer });
const names = (reports: readonly Report[]): string => reports.map(({ post }) => post).join(" ");

describe("reports", () => {
  test("all pages are fetched, each from where the one before ended", async () => {
    const asked: unknown[] = [];
    const pages: Record<string, unknown> = { "": { reports: [report("a"), report("b")], next: "b" }, b: { reports: [report("c")], next: null } };
    const get = async (path: string, query: { after?: string } = {}): Promise<unknown> => {
      asked.push([path, query.after]);
      return pages[query.after ?? ""];
    };
    expect(names(await allReports({ get } as Pick<Api, "get">, "tea"))).toBe("a b c");
    expect(asked).toEqual([["/communities/tea/reports", undefined], ["/communities/tea/reports", "b"]]);
  });

  test("what waits for an answer stands apart, of newest posts first", () => {
    const { open, answered } = parted([report("a"), report("b", { resolved: true }), report("c"), report("d", { resolved: true, upheld: true })]);
    expect([names(open), names(answered)]).toEqual(["c a", "d b"]);
  });

  test("what is gone or hidden is hidden no more, and who answers anew answers otherwise", () => {
    const stands = { deleted: false, hidden_for: "" };
    expect(answersLeft(report("a"), stands)).toEqual(["wrong", "hide"]);
    expect(answersLeft(report("a"), { ...stands, hidden_for: "rude" })).toEqual(["wrong", "right"]);
    expect(answersLeft(report("a"), { ...stands, deleted: true })).toEqual(["wrong", "right"]);
    expect(answersLeft(report("a", { resolved: true }), stands)).toEqual(["hide"]);
    expect(answersLeft(report("a", { resolved: true, upheld: true }), { ...stands, hidden_for: "rude" })).toEqual(["wrong"]);
    // Reported anew since it was found right.
    expect(answersLeft(report("a", { upheld: true }), stands)).toEqual(["wrong", "hide"]);
  });

  test("are shown with their answer, also with one of before", () => {
    expect(answerOf(report("a"))).toBe("");
    expect(answerOf(report("a", { resolved: true }))).toBe("Nothing was wrong.");
    expect(answerOf(report("a", { resolved: true, upheld: true, note: "The second." }))).toBe("The reports were right. The second.");
    expect(answerOf(report("a", { note: "Our own fair." }))).toBe("An earlier answer: Nothing was wrong. Our own fair.");
  });

  test("are counted in words", () => {
    expect([t.reportCount(1), t.reportsOf(2, "Asha")]).toEqual(["1 report", "2 reports of what Asha wrote"]);
  });
});

describe("who moderates", () => {
  const open = { home: "de", visibility: "open" } as const;
  const moderator = { home: "de", roles: ["moderator"] };

  test("has a role in the community", () => {
    expect(["none", "member", "moderator", "owner"].map((role) => mayModerate(open, role as "none", undefined))).toEqual([false, false, true, true]);
  });

  test("or moderates its home region, which opens nothing that is private", () => {
    expect(mayModerate(open, "none", moderator)).toBe(true);
    expect(mayModerate(open, "none", { ...moderator, home: "in" })).toBe(false);
    expect(mayModerate(open, "none", { ...moderator, roles: ["region_admin"] })).toBe(false);
    expect(mayModerate({ ...open, visibility: "private" }, "none", moderator)).toBe(false);
    expect(mayModerate(undefined, "none", moderator)).toBe(false);
  });
});
