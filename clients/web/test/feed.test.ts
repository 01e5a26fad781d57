import type { PostView, TapClient } from "@tap/sdk";
import { signal } from "@preact/signals";
import { beforeEach, expect, test } from "vitest";

import { Feed, type FeedSource, feedOf } from "../src/feed/model.ts";

const withdrawn = { deleted: true, counts: { replies: 0 } };
const posts = { gone: withdrawn, answered: { ...withdrawn, counts: { replies: 2 } } };
let pages: Record<string, { order: string[]; next: string | null }>;
let generation: { value: number };
let feed: Feed;

const source: FeedSource = { key: "x", path: "/feed", query: {}, accepts: (post) => post.place === "c:x" };
const post = (id: string, author = "bela", place = "c:x"): PostView => ({ id, root: id, author, place }) as PostView;

const turn = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

beforeEach(async () => {
  generation = signal(1);
  pages = { "": { order: ["b", "a"], next: "1.a" }, "1.a": { order: ["a", "0"], next: null } };
  const client = {
    store: { generation },
    view: { me: "asha" },
    // An older page takes longer than the newest.
    load: async (_path: string, { before = "" }: { before?: string }) => {
      if (before !== "") await turn();
      return { cursor: "1a.5", posts, ...pages[before] };
    },
  } as unknown as TapClient;
  feed = new Feed(client, source);
  await feed.open();
});

test("what comes live waits above; what is read does not move", () => {
  feed.arrived([post("c"), post("d"), post("z", "bela", "c:other")]);
  expect(feed.shown.value).toEqual(["b", "a"]);
  expect(feed.waiting.value).toEqual(["d", "c"]);
  feed.show();
  expect(feed.shown.value).toEqual(["d", "c", "b", "a"]);
  expect(feed.waiting.value).toEqual([]);
});

test("one's own post stands at once", () => {
  feed.arrived([post("c", "asha")]);
  expect(feed.shown.value).toEqual(["c", "b", "a"]);
});

test("where nothing is read nothing has to wait", async () => {
  pages[""] = { order: [], next: null };
  generation.value = 2;
  await feed.open();
  feed.arrived([post("c"), post("d")]);
  expect([feed.shown.value, feed.waiting.value]).toEqual([["d", "c"], []]);
});

test("nothing stands twice, neither live nor from an older page", async () => {
  feed.arrived([post("b"), post("c")]);
  feed.arrived([post("c")]);
  expect(feed.waiting.value).toEqual(["c"]);
  await feed.older();
  expect(feed.shown.value).toEqual(["b", "a", "0"]);
  expect(feed.more.value).toBeNull();
});

test("an older page asked for before a reset is not put below the list of after it", async () => {
  const older = feed.older();
  generation.value = 2;
  pages[""] = { order: ["f", "e"], next: "1.e" };
  const opening = feed.open();
  await Promise.all([opening, older]);
  expect([feed.shown.value, feed.more.value, feed.busy.value]).toEqual([["f", "e"], "1.e", false]);
});

test("a withdrawn post stands in a list only with what others wrote below it", async () => {
  pages[""] = { order: ["a", "gone", "answered"], next: null };
  generation.value = 2;
  await feed.open();
  expect(feed.shown.value).toEqual(["a", "answered"]);
});

test("what comes live while the first page is on its way is not lost with it", async () => {
  generation.value = 2;
  pages[""] = { order: ["c", "b", "a"], next: null };
  const opening = feed.open();
  feed.arrived([post("c"), post("d"), post("e", "asha")]);
  await opening;
  expect([feed.shown.value, feed.waiting.value]).toEqual([["e", "c", "b", "a"], ["d"]]);
});

test("what comes live while the reader is on another page waits above the list", async () => {
  const told: ((posts: PostView[]) => void)[] = [];
  const client = {
    store: { generation, onArrival: (listener: (posts: PostView[]) => void) => told.push(listener) },
    view: { me: "asha" },
    load: () => Promise.resolve({ cursor: "1a.5", posts, ...pages[""] }),
  } as unknown as TapClient;
  const list = feedOf(client, source);
  await list.open();
  for (const tell of told) tell([post("c")]);
  await feedOf(client, source).open();
  expect([list.shown.value, list.waiting.value]).toEqual([["b", "a"], ["c"]]);
});

test("coming back finds the list as it was; after a reset it is fetched anew", async () => {
  feed.arrived([post("c")]);
  await feed.open();
  expect(feed.waiting.value).toEqual(["c"]);
  generation.value = 2;
  pages[""] = { order: ["e"], next: null };
  await feed.open();
  expect([feed.shown.value, feed.waiting.value]).toEqual([["e"], []]);
});
