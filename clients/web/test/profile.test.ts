import type { PersonView } from "@tap/sdk";
import { describe, expect, test, vi } from "vitest";

import { type Choice, languages, profileOf, timezones, withSkills } from "../src/pages/profile-data.ts";

const asha: PersonView = {
  id: "asha", home: "in", name: "Asha Rao", title: "Chemist", unit: "Tea lab", country: "IN", about: "Plays the sarod.", skills: ["tea"], locale: "hi",
  timezone: "Asia/Kolkata", bot: false, active: true, roles: ["auditor"],
};

const values = (choices: readonly Choice[]): string[] => choices.map(([value]) => value);

test("a profile is all that its command would replace, and nothing else of a person", () => {
  const { id: _id, home: _home, bot: _bot, active: _active, roles: _roles, ...profile } = asha;
  expect(profileOf(asha)).toEqual(profile);
});

describe("skills", () => {
  test("are added one or several at a time", () => {
    expect(withSkills(["tea"], " cold brewing ")).toEqual(["tea", "cold brewing"]);
    expect(withSkills([], "tea, , colour,")).toEqual(["tea", "colour"]);
    expect(withSkills(["tea"], "  ")).toEqual(["tea"]);
  });

  test("stand there once, as they were spelt first", () => {
    expect(withSkills(["SQL"], "sql, Rust, RUST")).toEqual(["SQL", "Rust"]);
  });
});

describe("what there is to choose from", () => {
  test("has the zones the browser knows, each once, and the one that is kept under a name it does not list", () => {
    const zones = values(timezones("Mars/Olympus"));
    expect(zones).toEqual(expect.arrayContaining(["Mars/Olympus", "UTC", "Europe/Berlin"]));
    expect(new Set(zones).size).toBe(zones.length);
    expect(timezones("UTC")).toContainEqual(["America/New_York", "America/New York"]);
  });

  test("has languages by their own names, those its owner reads, and what is kept even if it is no language", () => {
    vi.stubGlobal("navigator", { languages: ["pt-BR", "de"] });
    const known = languages("no_tag");
    expect(known).toContainEqual(["de", "Deutsch"]);
    expect(known).toContainEqual(["no_tag", "no_tag"]);
    expect(values(known)).toEqual(expect.arrayContaining(["pt-BR", "hi", "en"]));
    expect(new Set(values(known)).size).toBe(known.length);
    vi.unstubAllGlobals();
  });
});
