import { beforeEach, describe, expect, test } from "vitest";

import type { Command } from "../src/commands.ts";
import { MemoryShelf } from "../src/host.ts";
import { KEY_KEPT_MS, OUTBOX_MAX, Outbox } from "../src/outbox.ts";
import { FakeHost, settled } from "./fakes.ts";

let host: FakeHost;
let shelf: MemoryShelf;
let sent: { key: string; command: Command }[];
let online: boolean;

const open = (person = "asha"): Outbox =>
  new Outbox(host, shelf, { send: (key, command) => online && sent.push({ key, command }) > 0 }, person);
const reply = (text: string): Command => ({ do: "reply.publish", parent: "p", text });
const texts = (): unknown[] => sent.map(({ command }) => (command.do === "reply.publish" ? command.text : command.do));

beforeEach(() => {
  host = new FakeHost();
  shelf = new MemoryShelf();
  sent = [];
  online = true;
});

test("sends one at a time, in order, and settles with the answer", async () => {
  const outbox = open();
  const first = outbox.submit(reply("one"));
  void outbox.submit(reply("two"));
  await settled();
  expect(texts()).toEqual(["one"]);
  outbox.answered({ t: "done", key: sent[0]!.key, ok: true, answer: { post: "x" }, cursor: "1a.7" });
  expect(texts()).toEqual(["one", "two"]);
  await expect(first).resolves.toEqual({ ok: true, answer: { post: "x" } });
});

test("what was unanswered when the connection went is sent again under the same key", async () => {
  const outbox = open();
  void outbox.submit(reply("one"));
  await settled();
  outbox.opened();
  await settled();
  expect(texts()).toEqual(["one", "one"]);
  expect(sent[0]!.key).toBe(sent[1]!.key);
});

test("offline it waits; online it goes", async () => {
  online = false;
  const outbox = open();
  void outbox.submit(reply("one"));
  void outbox.submit(reply("two"));
  await settled();
  expect(outbox.entries.value.map((entry) => entry.state)).toEqual(["waiting", "waiting"]);
  online = true;
  outbox.opened();
  await settled();
  expect(texts()).toEqual(["one"]);
});

test("a reload keeps what was not answered, in its order, for its person only", async () => {
  online = false;
  const before = open();
  void before.submit(reply("one"));
  void before.submit(reply("two"));
  await settled();
  const other = open("bela");
  await other.restore();
  expect(other.entries.value).toHaveLength(0);
  online = true;
  const after = open();
  await after.restore();
  after.answered({ t: "done", key: sent[0]!.key, ok: true, answer: {}, cursor: "1a.7" });
  expect(texts()).toEqual(["one", "two"]);
  after.answered({ t: "done", key: sent[1]!.key, ok: true, answer: {}, cursor: "1a.8" });
  await settled();
  expect(await shelf.list("outbox:")).toEqual([]);
});

test("a refusal that stays is shown, holds up nobody, and can be tried again or thrown away", async () => {
  const outbox = open();
  const outcome = outbox.submit(reply("bad"));
  void outbox.submit(reply("good"));
  await settled();
  const error = { code: "locked", message: "This thread is locked.", retry: false };
  outbox.answered({ t: "done", key: sent[0]!.key, ok: false, error });
  await expect(outcome).resolves.toEqual({ ok: false, error });
  expect(outbox.entries.value.map((entry) => entry.state)).toEqual(["failed", "sent"]);
  outbox.answered({ t: "done", key: sent[1]!.key, ok: true, answer: {}, cursor: "1a.7" });
  outbox.retry(sent[0]!.key);
  expect(texts()).toEqual(["bad", "good", "bad"]);
  outbox.discard(sent[0]!.key);
  await settled();
  expect(await shelf.list("outbox:")).toEqual([]);
});

test("a failed one survives a reload as failed", async () => {
  const outbox = open();
  void outbox.submit(reply("bad"));
  await settled();
  outbox.answered({ t: "done", key: sent[0]!.key, ok: false, error: { code: "gone", message: "Gone.", retry: false } });
  await settled();
  const after = open();
  await after.restore();
  expect(after.entries.value.map((entry) => [entry.state, entry.error?.message])).toEqual([["failed", "Gone."]]);
  expect(texts()).toEqual(["bad"]);
});

test("a refusal that may pass is tried again by itself, a little later", async () => {
  const outbox = open();
  void outbox.submit(reply("one"));
  await settled();
  outbox.answered({ t: "done", key: sent[0]!.key, ok: false, error: { code: "overloaded", message: "", retry: true } });
  expect(texts()).toEqual(["one"]);
  host.pass(3_000);
  expect(texts()).toEqual(["one", "one"]);
});

test("a clock that is set back puts off nothing", async () => {
  const outbox = open();
  void outbox.submit(reply("one"));
  await settled();
  outbox.answered({ t: "done", key: sent[0]!.key, ok: false, error: { code: "overloaded", message: "", retry: true } });
  host.clockOff = -3_600_000;
  host.pass(3_000);
  expect(texts()).toEqual(["one", "one"]);
});

test("an answered command's echo leaves by itself", async () => {
  const outbox = open();
  void outbox.submit(reply("one"));
  await settled();
  outbox.answered({ t: "done", key: sent[0]!.key, ok: true, answer: {}, cursor: "1a.7" });
  expect(outbox.entries.value).toMatchObject([{ state: "done", position: 7 }]);
  host.pass(3_000);
  expect(outbox.entries.value).toEqual([]);
});

test("keys rise even within one millisecond and fit the protocol", async () => {
  const outbox = open();
  for (let count = 0; count < 40; count += 1) void outbox.submit(reply(String(count)));
  await settled();
  const keys = outbox.entries.value.map((entry) => entry.key);
  expect(keys).toEqual(keys.toSorted());
  expect(new Set(keys).size).toBe(40);
  for (const key of keys) expect(key).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
});

const failures = (outbox: Outbox): unknown[] => outbox.entries.value.map(({ state, error }) => [state, error?.code ?? null]);

test("one the node closes the connection over is told to its owner, and holds up nobody", async () => {
  const outbox = open();
  const outcome = outbox.submit(reply("too long"));
  void outbox.submit(reply("good"));
  await settled();
  outbox.lost(1009, "message too big");
  await expect(outcome).resolves.toMatchObject({ ok: false, error: { code: "too_large", retry: false } });
  outbox.opened();
  await settled();
  expect(texts()).toEqual(["too long", "good"]);
});

test("one the node fails at again and again is told to its owner, and holds up nobody", async () => {
  const outbox = open();
  void outbox.submit(reply("poison"));
  void outbox.submit(reply("good"));
  await settled();
  const error = { code: "internal", message: "Our fault.", retry: true };
  for (let count = 0; count < 3; count += 1) {
    outbox.answered({ t: "done", key: sent.at(-1)!.key, ok: false, error });
    host.pass(20_000);
  }
  expect(failures(outbox)).toEqual([["failed", "internal"], ["sent", null]]);
  expect(texts()).toEqual(["poison", "poison", "poison", "good"]);
});

test("a node that is full for an hour fails no command: all wait, in their order", async () => {
  const outbox = open();
  void outbox.submit(reply("one"));
  void outbox.submit(reply("two"));
  await settled();
  const error = { code: "disk_full", message: "Full.", retry: true };
  for (let count = 0; count < 30; count += 1) {
    outbox.answered({ t: "done", key: sent.at(-1)!.key, ok: false, error });
    host.pass(20_000);
  }
  expect(new Set(texts())).toEqual(new Set(["one"]));
  outbox.answered({ t: "done", key: sent.at(-1)!.key, ok: true, answer: {}, cursor: "1a.7" });
  expect(texts().at(-1)).toBe("two");
});

test("what a node may have forgotten is not sent by itself; its owner sends it under a new key", async () => {
  online = false;
  const outbox = open();
  void outbox.submit(reply("old"));
  await settled();
  online = true;
  host.pass(KEY_KEPT_MS + 1);
  outbox.opened();
  expect(failures(outbox)).toEqual([["failed", "stale"]]);
  const { key } = outbox.entries.value[0]!;
  outbox.retry(key);
  await settled();
  expect(texts()).toEqual(["old"]);
  expect(sent[0]!.key).not.toBe(key);
});

test("it does not grow without bound", async () => {
  online = false;
  const outbox = open();
  for (let count = 0; count < OUTBOX_MAX; count += 1) void outbox.submit(reply(String(count)));
  await expect(outbox.submit(reply("one more"))).resolves.toMatchObject({ ok: false, error: { code: "outbox_full" } });
  expect(outbox.entries.value).toHaveLength(OUTBOX_MAX);
});

describe("two pages of one person", () => {
  let here: Outbox;
  let there: Outbox;
  const locked = { code: "locked", message: "This thread is locked.", retry: false };

  /** Written here without a network, taken up there as well. */
  async function both(text: string): Promise<void> {
    online = false;
    here = open();
    void here.submit(reply(text));
    await settled();
    there = open();
    await there.restore();
    online = true;
  }

  /** Written there without a network, where its author waits for the answer; taken up here as well. */
  async function waitedForThere(): Promise<{ outcome: ReturnType<Outbox["submit"]> }> {
    online = false;
    there = open();
    const outcome = there.submit(reply("no longer wanted"));
    await settled();
    here = open();
    await here.restore();
    return { outcome };
  }

  const refuseHere = (): void => here.answered({ t: "done", key: sent[0]!.key, ok: false, error: locked });

  test("what is discarded on one is not sent by the other", async () => {
    await both("no longer wanted");
    here.opened();
    await settled();
    refuseHere();
    here.discard(sent[0]!.key);
    await settled();
    expect(there.entries.value).toEqual([]);
    there.opened();
    await settled();
    expect(texts()).toEqual(["no longer wanted"]);
  });

  test("nor by one that slept and heard nothing of it, however soon it writes again", async () => {
    shelf.watch = () => {};
    await both("no longer wanted");
    here.opened();
    await settled();
    refuseHere();
    here.discard(sent[0]!.key);
    await settled();
    there.opened();
    host.pass(1);
    void there.submit(reply("next"));
    await settled();
    expect(texts()).toEqual(["no longer wanted", "next"]);
  });

  test("nor by one that is opened later, though the other was just refused it", async () => {
    await both("no longer wanted");
    here.opened();
    there.opened();
    await settled();
    refuseHere();
    here.discard(sent[0]!.key);
    there.answered({ t: "done", key: sent[0]!.key, ok: false, error: locked });
    await settled();
    const later = open();
    await later.restore();
    expect(later.entries.value).toEqual([]);
  });

  test("who waits for its answer is told", async () => {
    const { outcome } = await waitedForThere();
    here.discard(here.entries.value[0]!.key);
    await expect(outcome).resolves.toMatchObject({ ok: false, error: { code: "discarded" } });
  });

  test("and why, where it had been refused", async () => {
    const { outcome } = await waitedForThere();
    here.answered({ t: "done", key: here.entries.value[0]!.key, ok: false, error: locked });
    here.discard(here.entries.value[0]!.key);
    await expect(outcome).resolves.toEqual({ ok: false, error: locked });
  });

  test("what its owner sends again under a new key is not sent under the old one", async () => {
    await both("old");
    host.pass(KEY_KEPT_MS + 1);
    here.opened();
    there.opened();
    await settled();
    here.retry(here.entries.value[0]!.key);
    await settled();
    expect(there.entries.value).toEqual([]);
    expect(texts()).toEqual(["old"]);
  });

  test("that it was discarded is forgotten once no page would send it by itself", async () => {
    await both("no longer wanted");
    here.discard(here.entries.value[0]!.key);
    await settled();
    expect(await shelf.list("discarded:")).toHaveLength(1);
    host.pass(KEY_KEPT_MS + 1);
    here.opened();
    await settled();
    expect(await shelf.list("discarded:")).toEqual([]);
  });

  test("a loop that discards without end does not fill the shelf", async () => {
    online = false;
    here = open();
    for (let count = 0; count < OUTBOX_MAX + 5; count += 1) {
      void here.submit(reply(String(count)));
      here.discard(here.entries.value[0]!.key);
    }
    here.opened();
    await settled();
    expect(await shelf.list("discarded:")).toHaveLength(OUTBOX_MAX);
  });
});
