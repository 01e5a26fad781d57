/**
 * One websocket, kept: greets, resumes from a cursor, notices silence, comes back.
 *
 *     idle -> opening -> greeting -> catching_up -> live
 *               ^  \________\____________\__________/
 *               |                 lost
 *            waiting  (backoff; ``wake`` ends it at once)          stopped: only ``start`` leaves it
 *
 * It decides nothing about content: every frame but the greeting's goes to ``frame``. The cursor moves
 * only over what has been handed on, so a resume can repeat an event but never miss one.
 */

import { STEADY_MS, backoff } from "./backoff.ts";
import { type ClientFrame, type ServerFrame, type Watching, type Welcome, cursorAt, cursorPosition, decodeFrame } from "./frames.ts";
import type { Host, SocketLike } from "./host.ts";

export type Phase = "idle" | "opening" | "greeting" | "catching_up" | "live" | "waiting" | "stopped";

export const WELCOME_MS_MAX = 10_000;
export const SILENCE_MS_MAX = 30_000;
export const PONG_MS_MAX = 10_000;
/** After sleep or a change of network the socket may only look open: ask, and do not wait long. */
export const PROBE_MS_MAX = 3_000;

const SIGNED_OUT = 4401;
/** Coming back with the same words would be refused again. */
const FINAL_CODES = new Set([SIGNED_OUT, 4403, 4406]);
const OPEN = 1;

export interface Listener {
  phase(phase: Phase, why: string): void;
  /** Called before any frame that follows; ``reset`` asks for a fresh snapshot. */
  welcome(welcome: Welcome): void;
  frame(frame: ServerFrame): void;
  signedOut(): void;
}

export class Connection {
  readonly #host: Host;
  readonly #listener: Listener;
  readonly #client: string;
  readonly #channels = new Set<string>();
  /** Watches whose replay is not through yet, by the id of their frame. */
  readonly #replays = new Map<number, { channels: readonly string[]; since: string }>();
  #phase: Phase = "idle";
  #socket: SocketLike | null = null;
  #cursor: string | null = null;
  #attempt = 0;
  #advice = 0;
  #welcomedAt = 0;
  #heardAt = 0;
  #unanswered = false;
  #watchId = 0;
  #cancelTimer: () => void = () => {};

  constructor(host: Host, listener: Listener, client: string) {
    this.#host = host;
    this.#listener = listener;
    this.#client = client;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Where a resume would begin. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** A snapshot was taken here: what follows is wanted from this cursor on. */
  resumeFrom(cursor: string): void {
    this.#cursor = cursor;
  }

  start(): void {
    if (this.#phase !== "idle" && this.#phase !== "stopped") return;
    this.#attempt = 0;
    this.#open();
  }

  stop(): void {
    this.#drop();
    this.#become("stopped", "");
  }

  /** The network came back or the machine woke: connect now, or find out soon whether we still are. */
  wake(): void {
    if (this.#phase === "waiting") {
      this.#attempt = 0;
      this.#open();
    } else if (this.#phase === "live" || this.#phase === "catching_up") {
      this.#probe(PROBE_MS_MAX);
    }
  }

  /** False when there is nobody to send to; frames are never queued here. */
  send(frame: ClientFrame): boolean {
    const greeted = this.#phase === "live" || this.#phase === "catching_up";
    if (!greeted || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * Adds channels, replaying what happened on them after ``since``. Once the replay is through a reconnect
   * names them with all others; until then it asks for the replay again, so that nothing between is lost.
   */
  watch(channels: readonly string[], since: string): void {
    this.#watchId += 1;
    this.#replays.set(this.#watchId, { channels, since });
    this.#ask(this.#watchId, channels, since);
  }

  unwatch(channels: readonly string[]): void {
    const gone = new Set(channels);
    for (const channel of channels) this.#channels.delete(channel);
    for (const [id, replay] of this.#replays) {
      if (replay.channels.every((channel) => gone.has(channel))) this.#replays.delete(id);
    }
    this.send({ t: "unwatch", channels: [...channels] });
  }

  #ask(id: number, channels: readonly string[], since: string): void {
    this.send({ t: "watch", id, channels: [...channels], since });
  }

  // -- opening and closing ---------------------------------------------------------------------

  #open(): void {
    this.#become("opening", "");
    const socket = this.#host.socket();
    this.#socket = socket;
    // A socket let go of may still speak; nobody listens to it then.
    const mine = (): boolean => this.#socket === socket;
    socket.addEventListener("open", () => mine() && this.#greet());
    socket.addEventListener("message", (event) => mine() && this.#receive(event.data));
    socket.addEventListener("close", (event) => mine() && this.#lost(event.code, event.reason));
    this.#timer(WELCOME_MS_MAX, () => this.#lost(0, "no answer"));
  }

  #greet(): void {
    this.#become("greeting", "");
    this.#socket?.send(
      JSON.stringify({
        t: "hello",
        client: this.#client,
        ...(this.#cursor === null ? {} : { cursor: this.#cursor }),
        ...(this.#channels.size === 0 ? {} : { channels: [...this.#channels] }),
      } satisfies ClientFrame),
    );
  }

  #lost(code: number, reason: string): void {
    const steady = this.#welcomedAt > 0 && this.#host.now() - this.#welcomedAt >= STEADY_MS;
    this.#drop();
    if (FINAL_CODES.has(code)) {
      this.#become("stopped", reason);
      if (code === SIGNED_OUT) this.#listener.signedOut();
      return;
    }
    if (steady) this.#attempt = 0;
    const wait = backoff(this.#attempt, this.#advice, this.#host.random());
    this.#attempt += 1;
    this.#advice = 0;
    this.#become("waiting", reason);
    this.#timer(wait, () => this.#open());
  }

  /** Lets go of the socket without waiting for its close, which a dead network may never tell us of. */
  #drop(): void {
    this.#cancelTimer();
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomedAt = 0;
    socket?.close();
  }

  // -- frames in -------------------------------------------------------------------------------

  #receive(data: unknown): void {
    this.#heardAt = this.#host.now();
    this.#unanswered = false;
    const frame = typeof data === "string" ? decodeFrame(data) : null;
    if (frame === null) return;
    switch (frame.t) {
      case "welcome":
        return this.#welcomed(frame);
      case "mark":
        this.#cursor = frame.cursor;
        this.#become("live", "");
        break;
      case "event":
        this.#listener.frame(frame);
        return this.#passed(frame.position);
      case "watching":
        this.#replayed(frame);
        break;
      case "bye":
        this.#advice = frame.retry_ms ?? 0;
        break;
      default:
    }
    this.#listener.frame(frame);
  }

  #welcomed(frame: Welcome): void {
    this.#welcomedAt = this.#host.now();
    if (frame.resume === "fresh" || frame.resume === "reset" || this.#cursor === null) this.#cursor = frame.cursor;
    this.#become(frame.resume === "paged" || frame.resume === "complete" ? "catching_up" : "live", "");
    this.#listenForSilence(SILENCE_MS_MAX);
    this.#listener.welcome(frame);
    for (const [id, { channels, since }] of this.#replays) this.#ask(id, channels, since);
  }

  #replayed(frame: Watching): void {
    const refused = new Set(frame.refused.map(({ channel }) => channel));
    for (const channel of refused) this.#channels.delete(channel);
    for (const channel of this.#replays.get(frame.id)?.channels ?? []) {
      if (!refused.has(channel)) this.#channels.add(channel);
    }
    this.#replays.delete(frame.id);
  }

  /** Events of a replayed channel may lie beyond others still to come: they never move the cursor. */
  #passed(position: number): void {
    if (this.#cursor === null || this.#replays.size > 0) return;
    if (position > cursorPosition(this.#cursor)) this.#cursor = cursorAt(this.#cursor, position);
  }

  // -- silence ---------------------------------------------------------------------------------

  #listenForSilence(ms: number): void {
    this.#timer(ms, () => {
      const silent = this.#host.now() - this.#heardAt;
      if (silent < SILENCE_MS_MAX) this.#listenForSilence(SILENCE_MS_MAX - silent);
      else this.#probe(PONG_MS_MAX);
    });
  }

  #probe(patience: number): void {
    this.#unanswered = true;
    this.send({ t: "ping" });
    this.#timer(patience, () => {
      if (this.#unanswered) this.#lost(0, "no answer");
      else this.#listenForSilence(SILENCE_MS_MAX);
    });
  }

  #timer(ms: number, work: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#host.after(ms, work);
  }

  #become(phase: Phase, why: string): void {
    if (phase === this.#phase && why === "") return;
    this.#phase = phase;
    this.#listener.phase(phase, why);
  }
}
