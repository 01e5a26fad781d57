import { beforeEach, expect, test } from "vitest";

import { Company, PRESENCE_MAX } from "../src/company.ts";
import type { PresenceState } from "../src/frames.ts";
import { FakeHost } from "./fakes.ts";

let host: FakeHost;
let said: [string, readonly string[]][];
let company: Company;

const tell = (id: string, position: number, state: PresenceState): void =>
  company.present({ t: "value", of: "presence", id, position, value: { state } });

beforeEach(() => {
  host = new FakeHost();
  said = [];
  company = new Company(host, {
    watch: (channels) => said.push(["watch", channels]),
    unwatch: (channels) => said.push(["unwatch", channels]),
  });
});

test("whoever is on the screen is watched, many in one frame, and left together", () => {
  const leave = ["bela", "chen", "bela"].map((person) => company.see(person));
  host.pass(500);
  expect(said).toEqual([["watch", ["p:bela", "p:chen"]]]);
  leave[0]?.();
  leave[1]?.();
  host.pass(500);
  expect(said.slice(1)).toEqual([["unwatch", ["p:chen"]]]);
});

test("scrolled past and back within a moment is no frame", () => {
  company.see("bela");
  host.pass(500);
  const before = said.length;
  company.see("chen")();
  host.pass(500);
  expect(said).toHaveLength(before);
});

test("never more than the connection can watch", () => {
  for (let n = 0; n < PRESENCE_MAX + 50; n += 1) company.see(`person${n}`);
  host.pass(500);
  expect(said[0]?.[1]).toHaveLength(PRESENCE_MAX);
});

test("the latest state counts, also the first of all positions, and none without a connection", () => {
  tell("bela", 0, "online");
  expect(company.presence("bela")).toBe("online");
  tell("bela", 4, "away");
  tell("bela", 3, "online");
  expect(company.presence("bela")).toBe("away");
  company.forget();
  expect(company.presence("bela")).toBeUndefined();
  tell("bela", 1, "offline");
  expect(company.presence("bela")).toBe("offline");
});

test("who types is told without oneself, until they have written or the connection is gone", () => {
  company.typed({ t: "typing", channel: "t:x", people: ["asha", "bela", "chen"] }, "asha");
  expect(company.typing("t:x").value).toEqual(["bela", "chen"]);
  company.wrote("bela", ["c:one", "t:x"]);
  expect(company.typing("t:x").value).toEqual(["chen"]);
  company.forget();
  expect(company.typing("t:x").value).toEqual([]);
});
