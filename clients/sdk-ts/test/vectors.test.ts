/** The cases of tests/vectors/fold: what a real node said, and what the snapshot must be then (I4). */

import { describe, expect, test } from "vitest";

import { type SyncPage, foldPage, install } from "../src/snapshot.ts";
import type { Snapshot } from "../src/views.ts";

interface Story {
  case: string;
  viewer: string;
  /** A snapshot, or the name of a viewer at the world's start. */
  before: Snapshot | string;
  pages: SyncPage[];
  folded: Snapshot;
  fetched?: Parameters<typeof install>[1][];
  after?: Snapshot;
}

declare global {
  interface ImportMeta {
    /** Vite's: the modules whose paths fit, loaded. */
    glob<T>(pattern: string, options: { eager: true; import: "default" }): Record<string, T>;
  }
}

const found = import.meta.glob<Story[]>("../../../tests/vectors/fold/*.json", { eager: true, import: "default" });
const stories = Object.entries(found).map(([path, cases]) => ({ kind: path.replace(/^.*\/|\.json$/gu, ""), cases }));
const start = new Map(stories.find(({ kind }) => kind === "world")?.cases.map(({ viewer, before }) => [viewer, before as Snapshot]));
const told = stories.filter(({ kind, cases }) => kind !== "world" && cases.length > 0);

test("there are vectors", () => {
  expect(told.length).toBeGreaterThan(20);
});

describe.each(told)("$kind", ({ cases }) => {
  test.each(cases.map((story) => [`${story.case}, seen by ${story.viewer}`, story] as const))("%s", (_name, story) => {
    const before = typeof story.before === "string" ? start.get(story.before) : story.before;
    if (before === undefined) throw new Error(`no start for ${JSON.stringify(story.before)}`);
    const untouched = structuredClone(before);
    const folded = story.pages.reduce(foldPage, before);
    expect(folded).toEqual(story.folded);
    expect(before).toEqual(untouched);
    if (story.after) expect((story.fetched ?? []).reduce(install, folded)).toEqual(story.after);
  });
});
