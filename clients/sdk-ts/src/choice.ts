/**
 * Which transport to use: a websocket where the network lets one through, else an event stream, else
 * long-polling. Pure; tests/vectors/sdk/choice.json holds both SDKs to the same choices.
 *
 * - Two attempts cut off before ``welcome``, or one that brought none in time, or a transport that is not
 *   there: the next one. After the last comes the first again: then it is the node that is away.
 * - What was welcomed is remembered for its network for a day. Where a websocket is remembered it gets more
 *   time: it is the node that is slow.
 * - While something else is in use the websocket is tried again, after one minute and then ever less often.
 */

export type Transport = "websocket" | "events" | "poll";
/** How an attempt failed: cut off or refused, no welcome in time, or not offered here. */
export type Failure = "cut" | "late" | "absent";

export const FAILURES_MAX = 2;
export const WELCOME_MS_MAX = 3_000;
/** For what is known to work here, and for every transport once all of them have failed. */
export const WELCOME_MS_PATIENT = 10_000;
export const REMEMBERED_MS = 24 * 3_600_000;
export const AGAIN_MS_MIN = 60_000;
export const AGAIN_MS_MAX = 30 * 60_000;

const ORDER: readonly Transport[] = ["websocket", "events", "poll"];

/** What worked on a network, and when. */
export interface Remembered {
  transport: Transport;
  at: number;
}

export class Choice {
  #transport: Transport;
  #known: Transport | null;
  #failures = 0;
  #tried = 0;
  /** What to go back to when a trial of the websocket fails. */
  #fallback: Transport | null = null;
  #again = AGAIN_MS_MIN;

  constructor(known: Remembered | null = null, now = 0) {
    this.#known = known !== null && ORDER.includes(known.transport) && now - known.at < REMEMBERED_MS ? known.transport : null;
    this.#transport = this.#known ?? "websocket";
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** How long to wait for the welcome, milliseconds. */
  get patience(): number {
    if (this.#fallback !== null) return WELCOME_MS_MAX;
    return this.#known === this.#transport || this.#tried >= ORDER.length - 1 ? WELCOME_MS_PATIENT : WELCOME_MS_MAX;
  }

  /** After how long in use the websocket is tried again, milliseconds; null while it is in use. */
  get againMs(): number | null {
    return this.#transport === "websocket" ? null : this.#again;
  }

  /** An attempt ended before its welcome. True: another transport is to be tried at once. */
  failed(how: Failure): boolean {
    if (this.#fallback !== null) return this.#trialFailed(this.#fallback);
    this.#failures += 1;
    if (how === "cut" && this.#failures < FAILURES_MAX) return false;
    this.#failures = 0;
    this.#tried += 1;
    this.#transport = ORDER[(ORDER.indexOf(this.#transport) + 1) % ORDER.length] ?? "websocket";
    return how !== "cut" && this.#tried % ORDER.length !== 0;
  }

  /** The transport in use was welcomed. True: that is news, to be remembered. */
  welcomed(): boolean {
    const news = this.#known !== this.#transport;
    this.#known = this.#transport;
    this.#failures = this.#tried = 0;
    this.#fallback = null;
    if (this.#transport === "websocket") this.#again = AGAIN_MS_MIN;
    return news;
  }

  /** Tries the websocket once more; should it fail, the transport in use until now follows at once. */
  tryWebsocket(): void {
    this.#fallback = this.#transport;
    this.#transport = "websocket";
  }

  #trialFailed(fallback: Transport): boolean {
    this.#transport = fallback;
    this.#fallback = null;
    this.#again = Math.min(2 * this.#again, AGAIN_MS_MAX);
    return true;
  }
}
