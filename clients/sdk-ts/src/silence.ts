/** Notices that the other side has gone: asks after a while of silence, and gives up without an answer. */

import type { Host } from "./host.ts";

export const SILENCE_MS_MAX = 30_000;
export const PONG_MS_MAX = 10_000;
/** After sleep or a change of network a connection may only look alive: ask, and do not wait long. */
export const PROBE_MS_MAX = 3_000;

export class Silence {
  readonly #host: Host;
  readonly #ask: () => void;
  readonly #dead: () => void;
  #heardAt = 0;
  #unanswered = false;
  #cancel: () => void = () => {};

  constructor(host: Host, ask: () => void, dead: () => void) {
    this.#host = host;
    this.#ask = ask;
    this.#dead = dead;
  }

  /** From now on. */
  listen(): void {
    this.heard();
    this.#wait(SILENCE_MS_MAX);
  }

  /** Something came, whatever it was. */
  heard(): void {
    this.#heardAt = this.#host.now();
    this.#unanswered = false;
  }

  /** Asks now. */
  probe(patience = PROBE_MS_MAX): void {
    this.#unanswered = true;
    this.#ask();
    this.#timer(patience, () => {
      if (this.#unanswered) this.#dead();
      else this.#wait(SILENCE_MS_MAX);
    });
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  #wait(ms: number): void {
    this.#timer(ms, () => {
      const silent = this.#host.now() - this.#heardAt;
      // Less than nothing: the clock was set back, and how long it was nobody knows.
      if (silent >= 0 && silent < SILENCE_MS_MAX) this.#wait(SILENCE_MS_MAX - silent);
      else this.probe(PONG_MS_MAX);
    });
  }

  #timer(ms: number, work: () => void): void {
    this.#cancel();
    this.#cancel = this.#host.after(ms, work);
  }
}
