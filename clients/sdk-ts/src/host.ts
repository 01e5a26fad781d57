/** What the SDK needs from the machine it runs on, injected so that a test can turn the clock by hand. */

export interface SocketLike {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
}

export interface Host {
  /** UTC milliseconds. */
  now(): number;
  /** Runs ``work`` once after ``ms``; the answer cancels it. */
  after(ms: number, work: () => void): () => void;
  /** From 0 inclusive to 1 exclusive. */
  random(): number;
  socket(): SocketLike;
  /** The answer's body can be read while it comes. */
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** As ``fetch``, telling the share of the body that is sent; absent where the machine cannot tell. */
  upload?(path: string, init: RequestInit, progress: (share: number) => void): Promise<Response>;
  /** False only when the machine knows that it has no network. */
  online(): boolean;
  /** A name for the network in use, as far as the machine tells: what worked is remembered under it. */
  network(): string;
}

/** A keyed shelf which outlives a reload. Values are structured-cloneable; keys sort as text. */
export interface Shelf {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Values of all keys which begin so, in the order of their keys. */
  list(prefix: string): Promise<unknown[]>;
  /** Calls ``listener`` with each key that another page sets, as far as the machine tells; perhaps with one's own, too. */
  watch(listener: (key: string) => void): void;
}

/** A shelf for tests and for browsers which refuse to store anything: forgotten on reload. */
export class MemoryShelf implements Shelf {
  readonly #values = new Map<string, unknown>();
  readonly #listeners: ((key: string) => void)[] = [];

  async get(key: string): Promise<unknown> {
    return this.#values.get(key);
  }

  async set(key: string, value: unknown): Promise<void> {
    this.#values.set(key, structuredClone(value));
    for (const listener of this.#listeners) listener(key);
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }

  async list(prefix: string): Promise<unknown[]> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    return keys.map((key) => this.#values.get(key));
  }

  watch(listener: (key: string) => void): void {
    this.#listeners.push(listener);
  }
}
