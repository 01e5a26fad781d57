/**
 * Long-polling: plain requests only, for networks that hold back everything else. Each asks for what follows
 * the cursor and is answered when there is something, at the latest after 25 s. The frames of the protocol
 * are made of the pages, so that nobody above knows the difference; typing and presence are not heard.
 */

import {
  type ClientFrame, type Do, type Done, type EventFrame, type Hello, type ServerFrame, type ValueFrame, type Watch, cursorPosition,
} from "./frames.ts";
import { RequestsLink } from "./link-requests.ts";
import { Ended, UNREACHABLE, ask, endOf, errorOf } from "./requests.ts";

const SYNC = "/api/v1/sync";
export const WAIT_SECONDS = 25;
/** Beyond the time we asked the node to wait. */
const ANSWER_MS_MAX = 10_000;
/** Whoever answers at once with nothing does not wait as asked: it is not asked more often than this. */
const EMPTY_MS_MIN = 1_000;

/** An answer of ``GET /sync?since=``, or a reset, or a first load, of which it is used who and where. */
interface Answer {
  cursor: string;
  events?: EventFrame[];
  values?: ValueFrame[];
  more?: boolean;
  channels?: string[];
  refused?: { channel: string; code: string }[];
  reset?: { reason: string };
  me?: { id: string };
}

export class PollLink extends RequestsLink {
  readonly #channels = new Set<string>();
  #since: string | undefined;
  #welcomed = false;
  /** What is done between two pages, in order: watches, rewinds, pings. */
  #turns: (() => Promise<void> | void)[] = [];
  #asleep = false;
  #waiting: AbortController | null = null;
  #awake: () => void = () => {};

  send(frame: ClientFrame): boolean {
    if (this.listener === null) return false;
    switch (frame.t) {
      case "hello":
        void this.#run(frame);
        break;
      case "do":
        this.afterPosts(() => this.#do(frame));
        break;
      case "watch":
        this.#next(() => this.#watch(frame));
        break;
      case "unwatch":
        for (const channel of frame.channels) this.#channels.delete(channel);
        break;
      case "rewind":
        this.#next(() => { this.#since = frame.cursor; });
        break;
      case "ping":
        this.#next(async () => {
          await this.#page(0);
          this.#tell({ t: "pong", server_time: 0 });
        });
        break;
      case "background":
        this.#next(() => { this.#asleep = true; });
        break;
      case "foreground":
        this.#asleep = false;
        this.#awake();
        break;
      default:
        // A token is taken from where it is kept at the next request; typing is nothing to poll for.
    }
    return true;
  }

  override close(): void {
    super.close();
    this.#waiting?.abort();
    this.#awake();
  }

  // -- the loop --------------------------------------------------------------------------------

  async #run(hello: Hello): Promise<void> {
    this.#since = hello.cursor;
    for (const channel of hello.channels ?? []) this.#channels.add(channel);
    try {
      // One request follows the other: that is what polling is.
      // oxlint-disable-next-line no-await-in-loop
      while (this.listener !== null) await this.#step();
    } catch (error) {
      this.closed(error instanceof Ended ? error.end : UNREACHABLE);
    }
  }

  async #step(): Promise<void> {
    const turn = this.#welcomed ? this.#turns.shift() : undefined;
    if (turn !== undefined) return turn();
    if (this.#asleep) return new Promise((resolve) => { this.#awake = resolve; });
    return this.#page(this.#welcomed ? WAIT_SECONDS : 0);
  }

  #next(turn: () => Promise<void> | void): void {
    this.#turns.push(turn);
    this.#awake();
    // Whoever waits for news is asked to wait no longer; the next request says the same again.
    this.#waiting?.abort();
  }

  async #page(wait: number): Promise<void> {
    const asked = this.host.now();
    const answer = await this.#sync({ since: this.#since, channels: this.#channels, wait });
    if (answer === null || this.listener === null) return;
    this.#since = answer.cursor;
    if (!this.#welcomed) this.#welcome(answer);
    else if (answer.reset) this.#tell({ t: "reset", reason: answer.reset.reason, cursor: answer.cursor });
    this.#refused(answer);
    for (const frame of [...(answer.events ?? []), ...(answer.values ?? [])]) this.#tell(frame);
    if (answer.more !== true) this.#tell({ t: "mark", cursor: answer.cursor });
    const empty = (answer.events ?? []).length + (answer.values ?? []).length === 0;
    if (wait > 0 && empty && this.host.now() - asked < EMPTY_MS_MIN) await this.#pause();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#awake = resolve;
      this.host.after(EMPTY_MS_MIN, resolve);
    });
  }

  #welcome({ cursor, me, channels = me === undefined ? [] : [`u:${me.id}`], reset, events }: Answer): void {
    this.#welcomed = true;
    const resume = reset ? "reset" : events === undefined ? "fresh" : "paged";
    const person = channels.find((channel) => channel.startsWith("u:"))?.slice(2) ?? "";
    const epoch = cursor.slice(0, cursor.indexOf("."));
    this.#tell({
      t: "welcome", cursor, epoch, region: "", person, server_time: 0, resume, reason: reset?.reason ?? null, channels,
    });
  }

  #refused({ refused = [] }: Answer): void {
    for (const { channel } of refused) this.#channels.delete(channel);
    if (refused.length > 0) this.#tell({ t: "watching", id: 0, channels: [], refused });
  }

  // -- what the client says --------------------------------------------------------------------

  /**
   * With ``since``: what only these channels held after it, page by page, up to where the client is; what lies
   * beyond comes with the next page of all channels.
   */
  async #watch(frame: Watch): Promise<void> {
    let { since } = frame;
    let refused: Answer["refused"];
    const wanted = new Set(frame.channels);
    while (since !== undefined && this.listener !== null) {
      // oxlint-disable-next-line no-await-in-loop
      const answer: Answer | null = await this.#sync({ since, channels: wanted, wait: 0 });
      if (answer === null) break;
      refused = answer.reset ? frame.channels.map((channel) => ({ channel, code: "gone" })) : answer.refused;
      for (const event of answer.events ?? []) if (this.#isReplay(event, wanted)) this.#tell(event);
      // Each the latest: the next page knows only newer ones.
      for (const value of answer.values ?? []) this.#tell(value);
      since = answer.more === true ? answer.cursor : undefined;
    }
    const denied = new Set((refused ?? []).map(({ channel }) => channel));
    const heard = frame.channels.filter((channel) => !denied.has(channel));
    for (const channel of heard) this.#channels.add(channel);
    this.#tell({ t: "watching", id: frame.id, channels: heard, refused: refused ?? [] });
  }

  #isReplay({ position, channels }: EventFrame, wanted: ReadonlySet<string>): boolean {
    return position <= cursorPosition(this.#since ?? "") && (channels ?? []).some((channel) => wanted.has(channel));
  }

  /** An answer without a place in the log is none of the node's. */
  #do({ key, command }: Do): Promise<void> {
    return this.post("/api/v1/commands", { key, command }, async (response) => {
      if (response.status === 401) throw new Ended(endOf(response));
      if (!response.ok) return this.#tell({ t: "done", key, ok: false, error: await errorOf(response) });
      const answer = (await response.json()) as Partial<Done> | null;
      if (typeof answer?.cursor !== "string") throw new Ended(endOf(response));
      this.#tell({ t: "done", key, ok: true, ...answer });
    });
  }

  // -- requests --------------------------------------------------------------------------------

  /** Null when the wait was broken off. Throws Ended. */
  async #sync(question: { since: string | undefined; channels: ReadonlySet<string>; wait: number }): Promise<Answer | null> {
    const abort = new AbortController();
    let late = false;
    const cancel = this.host.after(question.wait * 1000 + ANSWER_MS_MAX, () => { late = true; abort.abort(); });
    if (question.wait > 0) this.#waiting = abort;
    try {
      const response = await ask(this.host, pathOf(question), this.token(), { method: "GET", signal: abort.signal });
      this.listener?.alive();
      if (!response.ok) throw new Ended(endOf(response));
      return (await response.json()) as Answer;
    } catch (error) {
      if (error instanceof Ended) throw error;
      if (abort.signal.aborted && !late) return null;
      throw new Ended(UNREACHABLE);
    } finally {
      cancel();
      this.#waiting = null;
    }
  }

  #tell(frame: ServerFrame): void {
    this.listener?.frame(frame);
  }
}

/** Presence has no pages: such channels are left out. */
function pathOf({ since, channels, wait }: { since: string | undefined; channels: ReadonlySet<string>; wait: number }): string {
  if (since === undefined) return SYNC;
  const query = new URLSearchParams({ since });
  const named = [...channels].filter((channel) => !channel.startsWith("p:"));
  if (named.length > 0) query.set("channels", named.join(","));
  query.set("wait", String(wait));
  return `${SYNC}?${query.toString()}`;
}
