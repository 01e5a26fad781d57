/** The shelf in IndexedDB: one object store of keys and values. */

import { type IDBPDatabase, openDB } from "idb";

import { MemoryShelf, type Shelf } from "./host.ts";

const STORE = "kept";
/** Sorts after every character our keys hold. */
const LAST = "\uffff";

class IdbShelf implements Shelf {
  readonly #db: IDBPDatabase;
  /** Null where the machine knows no such thing: each page is alone then. */
  readonly #pages: BroadcastChannel | null;

  constructor(db: IDBPDatabase) {
    this.#db = db;
    this.#pages = typeof BroadcastChannel === "function" ? new BroadcastChannel(`shelf:${db.name}`) : null;
  }

  get(key: string): Promise<unknown> {
    return this.#db.get(STORE, key);
  }

  /** Strict: it is on the disk when this is done, so that a dead battery loses no unsent post. */
  async set(key: string, value: unknown): Promise<void> {
    const kept = this.#db.transaction(STORE, "readwrite", { durability: "strict" });
    await Promise.all([kept.store.put(value, key), kept.done]);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none: it is of one origin
    this.#pages?.postMessage(key);
  }

  async delete(key: string): Promise<void> {
    await this.#db.delete(STORE, key);
  }

  list(prefix: string): Promise<unknown[]> {
    return this.#db.getAll(STORE, IDBKeyRange.bound(prefix, prefix + LAST));
  }

  watch(listener: (key: string) => void): void {
    this.#pages?.addEventListener("message", ({ data }) => listener(String(data)));
  }
}

/** Opens the shelf; where storage is refused (private windows, policies) an unsent post lives as long as the page. */
export async function openShelf(name: string): Promise<Shelf> {
  try {
    const db = await openDB(name, 1, {
      upgrade(fresh) {
        fresh.createObjectStore(STORE);
      },
    });
    return new IdbShelf(db);
  } catch {
    return new MemoryShelf();
  }
}
