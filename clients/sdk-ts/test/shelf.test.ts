import "fake-indexeddb/auto";
import { expect, test } from "vitest";

import { MemoryShelf, type Shelf } from "../src/host.ts";
import { openShelf } from "../src/shelf-idb.ts";

const shelves: [string, () => Promise<Shelf>][] = [
  ["memory", async () => new MemoryShelf()],
  ["IndexedDB", () => openShelf("test")],
];

test.each(shelves)("%s keeps, lists by prefix in order of keys, and forgets", async (_name, open) => {
  const shelf = await open();
  await shelf.set("outbox:asha:2", { n: 2 });
  await shelf.set("outbox:asha:1", { n: 1 });
  await shelf.set("outbox:ash:9", { n: 9 });
  await shelf.set("cursor:asha", "1a.7");
  expect(await shelf.list("outbox:asha:")).toEqual([{ n: 1 }, { n: 2 }]);
  expect(await shelf.get("cursor:asha")).toBe("1a.7");
  await shelf.delete("outbox:asha:1");
  expect(await shelf.list("outbox:asha:")).toEqual([{ n: 2 }]);
});

test.each(shelves)("%s tells other pages what one has set", async (_name, open) => {
  const here = await open();
  const there = _name === "memory" ? here : await open();
  const told = new Promise((resolve) => { there.watch(resolve); });
  await here.set("outbox:bela:1", { n: 1 });
  expect(await told).toBe("outbox:bela:1");
});

test("where storage is refused the page still works", async () => {
  const real = globalThis.indexedDB;
  Object.defineProperty(globalThis, "indexedDB", { value: { open: () => { throw new Error("denied"); } }, configurable: true });
  try {
    expect(await openShelf("denied")).toBeInstanceOf(MemoryShelf);
  } finally {
    Object.defineProperty(globalThis, "indexedDB", { value: real, configurable: true });
  }
});

test("without a word between pages it is kept all the same", async () => {
  const real = globalThis.BroadcastChannel;
  Object.defineProperty(globalThis, "BroadcastChannel", { value: undefined, configurable: true });
  try {
    const shelf = await openShelf("alone");
    shelf.watch(() => {});
    await shelf.set("outbox:asha:1", { n: 1 });
    expect(await (await openShelf("alone")).list("outbox:asha:")).toEqual([{ n: 1 }]);
  } finally {
    Object.defineProperty(globalThis, "BroadcastChannel", { value: real, configurable: true });
  }
});
