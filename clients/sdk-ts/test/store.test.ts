import { effect } from "@preact/signals-core";
import { beforeEach, describe, expect, test } from "vitest";

import { Store } from "../src/store.ts";
import type { PostView } from "../src/views.ts";
import { eventFrame, person, post, snapshot, valueFrame } from "./fakes.ts";

let store: Store;
let flushes: (() => void)[];
const flush = (): void => { for (const work of flushes.splice(0)) work(); };

beforeEach(() => {
  flushes = [];
  store = new Store((work) => flushes.push(work));
  store.replace(snapshot({ posts: { p: post("p") }, order: ["p"] }));
  flush();
});

test("many updates between two frames of the screen are one change, the latest", () => {
  const seen: (number | undefined)[] = [];
  effect(() => { seen.push(store.counts("p").value?.helpful); });
  for (let position = 11; position <= 1010; position += 1) store.apply(valueFrame(position, "p", { helpful: position }));
  expect(flushes).toHaveLength(1);
  flush();
  expect(seen).toEqual([0, 1010]);
});

test("a counting number leaves the post's text alone", () => {
  let renders = 0;
  effect(() => { if (store.post("p").value) renders += 1; });
  store.apply(valueFrame(11, "p", { helpful: 3 }));
  flush();
  expect(renders).toBe(1);
});

test("paused, only what this person does moves the screen; afterwards it shows the latest", () => {
  const seen: (number | undefined)[] = [];
  effect(() => { seen.push(store.counts("p").value?.helpful); });
  store.pause(true);
  store.apply(valueFrame(11, "p", { helpful: 1 }));
  store.apply(valueFrame(12, "p", { helpful: 2 }));
  flush();
  expect(seen).toEqual([0]);
  store.apply(eventFrame(13, "follow.changed", { kind: "post", target: "p", rev: 1, on: true }, "asha"));
  flush();
  expect(store.entity("follows", "post:p").value).toBe(true);
  store.apply(valueFrame(14, "p", { helpful: 4 }));
  flush();
  store.pause(false);
  expect(seen.at(-1)).toBe(4);
});

test("an older value never replaces a later one", () => {
  store.apply(valueFrame(20, "p", { helpful: 5 }));
  store.apply(valueFrame(15, "p", { helpful: 4 }));
  flush();
  expect(store.counts("p").value?.helpful).toBe(5);
});

test("a case about oneself is told, and is nobody's counts", () => {
  const before = store.counts("p").value;
  store.apply({ t: "value", of: "case", id: "p", position: 11, value: { case: "k", state: "open" } });
  flush();
  expect(store.caseTold.value).toEqual({ case: "k", state: "open" });
  expect(store.counts("p").value).toEqual(before);
});

describe("a page fetched while events came", () => {
  test("keeps what came live since, whichever was first", () => {
    store.apply(eventFrame(14, "answer.accepted", { question: "p", place: "c:one", rev: 2, answer: "b" }));
    store.apply(valueFrame(15, "p", { replies: 9 }));
    store.load({ cursor: "1a.13", posts: { p: post("p", { accepted: "a", counts: { ...post("p").counts, replies: 7 } }) } });
    flush();
    expect(store.post("p").value?.accepted).toBe("b");
    expect(store.counts("p").value?.replies).toBe(9);
  });

  test("wins over what it already holds", () => {
    store.load({ cursor: "1a.30", posts: { p: post("p", { accepted: "c" }) } });
    store.apply(valueFrame(25, "p", { replies: 1 }));
    flush();
    expect(store.post("p").value?.accepted).toBe("c");
    expect(store.counts("p").value?.replies).toBe(0);
  });

  test("forgets one's own reactions which it no longer names", () => {
    const mine = { reactions: { p: ["helpful"] }, ballots: {}, follows: [], acknowledged: [], read: {} };
    store.load({ cursor: "1a.30", posts: { p: post("p") }, mine });
    store.load({ cursor: "1a.31", posts: { p: post("p") }, mine: { ...mine, reactions: {} } });
    flush();
    expect(store.entity("reactions", "p").value).toBeUndefined();
  });
});

test("replies are listed by thread in order of time, parents or not", () => {
  const reply = { place: "c:one", root: "p", parent: "never-seen", kind: "reply", at: 9, text: "hi" };
  store.apply(eventFrame(12, "reply.published", { ...reply, post: "02" }));
  store.apply(eventFrame(13, "reply.published", { ...reply, post: "01" }));
  store.apply(eventFrame(13, "reply.published", { ...reply, post: "01" }));
  flush();
  expect(store.replies("p").value).toEqual(["01", "02"]);
});

test("tells once a frame which posts came live, not which were fetched", () => {
  const heard: string[][] = [];
  store.onArrival((posts: readonly PostView[]) => heard.push(posts.map((one) => one.id)));
  store.load({ cursor: "1a.11", posts: { q: post("q") } });
  store.apply(eventFrame(12, "post.published", { post: "r", kind: "update", place: "c:one", at: 9, text: "" }));
  store.apply(eventFrame(13, "post.published", { post: "s", kind: "update", place: "c:one", at: 9, text: "" }));
  store.apply(eventFrame(13, "post.published", { post: "s", kind: "update", place: "c:one", at: 9, text: "" }));
  flush();
  expect(heard).toEqual([["r", "s"]]);
});

test("starting over replaces places and follows, keeps posts on the screen, and says so", () => {
  const generation = store.generation.value;
  const one = { id: "one", home: "in", name: "One", about: "", visibility: "open" as const, audience: "global", archived: false, mode: "quiet" as const, at: 1 };
  store.replace(snapshot({ communities: { one }, mine: { reactions: {}, ballots: {}, follows: ["person:bela"], acknowledged: [], read: {} } }));
  expect([store.ids("communities").value, store.entity("follows", "person:bela").value]).toEqual([["one"], true]);
  store.replace(snapshot({ cursor: "2b.1", people: { bela: person("bela") } }));
  expect([store.ids("communities").value, store.entity("communities", "one").value]).toEqual([undefined, undefined]);
  expect(store.entity("follows", "person:bela").value).toBeUndefined();
  expect(store.post("p").value?.text).toBe("hello");
  expect(store.generation.value).toBe(generation + 2);
});

test("a post that is shown again is called for", () => {
  const called: string[] = [];
  store.onStale((name) => called.push(name));
  const hide = (position: number, on: boolean): void =>
    store.apply(eventFrame(position, "moderation.acted", { target: "p", root: "p", place: "c:one", act: "hide", rev: position, on }));
  hide(12, true);
  flush();
  expect(store.post("p").value).toMatchObject({ hidden: true, text: "" });
  hide(13, false);
  expect(called).toEqual(["post:p"]);
});

describe("an erasure", () => {
  const words = "Zimmermannsnagel";
  const published = eventFrame(11, "post.published", { post: "q", kind: "update", place: "c:one", at: 1, text: words });
  const erased = eventFrame(12, "erasure.requested", { request: "r", scope: "post", target: "q", posts: [{ post: "q", rev: 2 }] });

  test("takes the words away, also of a page that was fetched before it", () => {
    store.apply(published);
    expect(store.get("posts", "q")?.text).toBe(words);
    store.apply(erased);
    expect(store.get("posts", "q")).toMatchObject({ text: "", deleted: true, rev: 2 });
    store.load({ cursor: "1.11", posts: { q: post("q", { text: words }) } });
    expect(store.get("posts", "q")).toMatchObject({ text: "", deleted: true });
  });

  test("is seen at once on a paused screen", () => {
    const seen: (string | undefined)[] = [];
    store.apply(published);
    flush();
    store.pause(true);
    effect(() => { seen.push(store.post("q").value?.text); });
    store.apply(erased);
    flush();
    expect(seen).toEqual([words, ""]);
  });

  test("tells who asked which regions have confirmed", () => {
    for (const [position, region] of [[13, "in"], [14, "br"], [15, "br"]] as const) {
      store.apply(eventFrame(position, "erasure.completed", { request: "r", region, bodies: 1, by: "me" }));
    }
    flush();
    expect(store.receipts("r").value).toEqual(["br", "in"]);
  });
});
