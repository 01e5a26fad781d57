/**
 * One connection, kept: takes the transport the network lets through, greets, resumes from a cursor, notices
 * silence, comes back.
 *
 *     idle -> renewing -> opening -> greeting -> catching_up -> live
 *                ^           \_________\____________\_________/
 *                |                  lost
 *             waiting (backoff; ``wake`` ends it at once)    asleep (in the background, until ``attend``)
 *                                                            stopped (only ``start`` leaves it)
 *
 * It decides nothing about content: every frame but the greeting's goes to ``frame``, each event once and in
 * order. The cursor moves only over what has been handed on; what could not be applied is asked for again.
 */

import { ATTEMPT_HIDDEN, STEADY_MS, backoff } from "./backoff.ts";
import type { Transport } from "./choice.ts";
import { Credentials, isFinal } from "./credentials.ts";
import type { ClientFrame, EventFrame, ServerFrame, Welcome } from "./frames.ts";
import { Gap } from "./gap.ts";
import { type Host, MemoryShelf, type Shelf } from "./host.ts";
import { type End, type Link, makeLink } from "./link.ts";
import { type Attention, FINAL_CODES, NODE_CODE_MIN, type Phase, SIGNED_OUT, type Why, whyOf } from "./phase.ts";
import { Places } from "./places.ts";
import { Route } from "./route.ts";
import { Silence } from "./silence.ts";
import { Typing } from "./typing.ts";

/** An event that failed this often is not asked for again. */
const FAILURES_MAX = 2;

export interface Listener {
  phase(phase: Phase, why: Why): void;
  /** Called before any frame that follows; ``reset`` asks for a fresh snapshot. */
  welcome(welcome: Welcome): void;
  /** Throwing says that the frame could not be applied: an event is then asked for again. */
  frame(frame: ServerFrame): void;
  /** The connection ended with this code; what was under way has no answer. */
  lost(code: number, reason: string): void;
  /** An event could not be applied though it came again: it is passed over, and only a snapshot is whole. */
  stuck(event: EventFrame, error: unknown): void;
  signedOut(): void;
}

export interface ConnectionOptions {
  credentials?: Credentials;
  /** Where what worked on a network is remembered. */
  shelf?: Shelf;
}

export class Connection {
  readonly #host: Host;
  readonly #listener: Listener;
  readonly #client: string;
  readonly #credentials: Credentials;
  readonly #route: Route;
  readonly #places = new Places();
  readonly #gap = new Gap();
  readonly #silence: Silence;
  readonly #typing = new Typing();
  #phase: Phase = "idle";
  #link: Link | null = null;
  #attention: Attention = "visible";
  #attempt = 0;
  #advice = 0;
  /** The node has said goodbye: an end is no fault of the transport then. */
  #bye = false;
  #welcomedAt = 0;
  #retryMs = 0;
  /** Rises with every opening and end, so that what was awaited for an earlier one is dropped. */
  #turn = 0;
  #cancelTimer: () => void = () => {};

  constructor(host: Host, listener: Listener, client: string, options: ConnectionOptions = {}) {
    this.#host = host;
    this.#listener = listener;
    this.#client = client;
    this.#credentials = options.credentials ?? new Credentials(host, null);
    this.#route = new Route(host, options.shelf ?? new MemoryShelf());
    this.#silence = new Silence(host, () => this.send({ t: "ping" }), () => this.#lost({ code: 0, reason: "no answer" }, "silent"));
  }

  get phase(): Phase {
    return this.#phase;
  }

  get transport(): Transport {
    return this.#route.transport;
  }

  /** How long the wait that began last is, milliseconds; 0 unless waiting. */
  get retryMs(): number {
    return this.#phase === "waiting" ? this.#retryMs : 0;
  }

  /** Where a resume would begin. */
  get cursor(): string | null {
    return this.#places.cursor;
  }

  /** A snapshot was taken here: what follows is wanted from this cursor on. */
  resumeFrom(cursor: string): void {
    this.#places.startFrom(cursor);
  }

  /** Takes up what worked on the network in use; to be awaited before ``start``. */
  recall(): Promise<void> {
    return this.#route.recall();
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

  /** The network came back, or the machine woke: connect now, or find out soon whether we still are. */
  wake(): void {
    if (this.#phase === "waiting") {
      this.#attempt = 0;
      if (this.#attention === "hidden") this.#wait("");
      else this.#open();
    } else if (this.#isGreeted && this.#attention !== "background") {
      this.#silence.probe();
    }
  }

  /** Another network: what is remembered of it decides, then as ``wake``. */
  async networkChanged(): Promise<void> {
    if (this.#link === null) await this.#route.recall();
    this.wake();
  }

  attend(attention: Attention): void {
    const before = this.#attention;
    this.#attention = attention;
    if (attention === before) return;
    if (attention === "background") this.#goToBackground();
    else if (before === "background") this.#comeToForeground();
    else if (attention === "visible") this.wake();
  }

  /** False when there is nobody to send to; frames are never queued here. */
  send(frame: ClientFrame): boolean {
    return this.#isGreeted && this.#link !== null && this.#link.send(frame);
  }

  /**
   * Adds channels; with ``since`` what happened on them after it comes first. Once the replay is through a
   * reconnect names them with all others; until then it asks for the rest of the replay again.
   */
  watch(channels: readonly string[], since: string | null): void {
    this.send(this.#places.watch(channels, since));
  }

  unwatch(channels: readonly string[]): void {
    this.send(this.#places.unwatch(channels));
  }

  /** What came after this cursor was lost by whoever keeps it: it comes again. */
  rewind(cursor: string): void {
    this.#places.goBack(cursor);
    if (!this.#isGreeted) return;
    this.#gap.asked();
    this.#askFor(cursor);
  }

  /** Says that the person types there; to be called at every key. */
  typing(channel: string): void {
    if (this.#phase === "live" && this.#typing.isDue(channel, this.#host.now())) this.send({ t: "typing", channel });
  }

  /** What was typed there has been sent or thrown away: the next key counts at once. */
  typed(channel: string): void {
    this.#typing.forget(channel);
  }

  // -- opening -----------------------------------------------------------------------------------

  get #isGreeted(): boolean {
    return this.#phase === "live" || this.#phase === "catching_up";
  }

  #open(): void {
    this.#turn += 1;
    this.#cancelTimer();
    if (this.#credentials.due) void this.#renewAndDial(this.#turn);
    else this.#dial();
  }

  /** The token is good before the node sees it. */
  async #renewAndDial(turn: number): Promise<void> {
    this.#become("renewing", "");
    try {
      await this.#credentials.renew();
      if (turn === this.#turn) this.#dial();
    } catch (error) {
      if (turn !== this.#turn) return;
      if (isFinal(error)) this.#signOut();
      else this.#wait(whyOf(0, this.#host.online()));
    }
  }

  #dial(): void {
    this.#become("opening", "");
    const link = makeLink(this.#route.transport, this.#host, () => this.#credentials.token);
    this.#link = link;
    this.#timer(this.#route.patience, () => this.#lost({ code: 0, reason: "no welcome", late: true }));
    // A link let go of may still speak; nobody listens to it then.
    const mine = (): boolean => this.#link === link;
    link.open({
      opened: () => mine() && this.#greet(link),
      frame: (frame) => mine() && this.#receive(frame),
      alive: () => mine() && this.#silence.heard(),
      closed: (end) => mine() && this.#lost(end),
    });
  }

  #greet(link: Link): void {
    this.#become("greeting", "");
    const { token } = this.#credentials;
    this.#credentials.shown();
    link.send({ t: "hello", ...(token === null ? {} : { token }), client: this.#client, ...this.#places.hello() });
  }

  // -- closing -----------------------------------------------------------------------------------

  #lost(end: End, why = whyOf(end.code, this.#host.online())): void {
    const greeted = this.#welcomedAt > 0;
    if (greeted && this.#host.now() - this.#welcomedAt >= STEADY_MS) this.#attempt = 0;
    const transportFailed = !greeted && !this.#bye && end.code < NODE_CODE_MIN && this.#host.online();
    this.#advice = Math.max(this.#advice, end.retryMs ?? 0);
    this.#drop();
    this.#listener.lost(end.code, end.reason);
    if (end.code === SIGNED_OUT) return this.#refused();
    if (FINAL_CODES.has(end.code)) return this.#become("stopped", why);
    if (transportFailed && this.#route.failed(end.absent ? "absent" : end.late ? "late" : "cut")) return this.#open();
    if (this.#attention === "background") return this.#become("asleep", "");
    this.#wait(why);
  }

  /** A refused token is never tried twice: without a better one there is nothing to come back with. */
  #refused(): void {
    this.#credentials.refuse();
    if (this.#credentials.renewable) this.#wait("signed_out");
    else this.#signOut();
  }

  #signOut(): void {
    this.#become("stopped", "signed_out");
    this.#listener.signedOut();
  }

  #wait(why: Why): void {
    const attempt = this.#attention === "hidden" ? Math.max(ATTEMPT_HIDDEN, this.#attempt) : this.#attempt;
    const wait = backoff(attempt, this.#advice, this.#host.random());
    this.#attempt += 1;
    this.#advice = 0;
    this.#retryMs = wait;
    this.#phase = "waiting";
    this.#listener.phase("waiting", why);
    this.#timer(wait, () => this.#open());
  }

  #drop(): void {
    this.#turn += 1;
    this.#cancelTimer();
    this.#route.stop();
    this.#silence.stop();
    this.#gap.close();
    this.#typing.clear();
    this.#bye = false;
    this.#welcomedAt = 0;
    const link = this.#link;
    this.#link = null;
    link?.close();
  }

  // -- attention ---------------------------------------------------------------------------------

  #goToBackground(): void {
    this.#silence.stop();
    if (this.#isGreeted) this.send({ t: "background" });
    else if (this.#phase === "waiting") {
      this.#cancelTimer();
      this.#become("asleep", "");
    }
  }

  #comeToForeground(): void {
    if (this.#phase === "asleep") {
      this.#attempt = 0;
      this.#open();
    } else if (this.#isGreeted) {
      this.send({ t: "foreground" });
      this.#silence.listen();
      this.#silence.probe();
    }
  }

  // -- frames in ---------------------------------------------------------------------------------

  #receive(frame: ServerFrame): void {
    this.#silence.heard();
    const verdict = this.#gap.judge(frame);
    if (verdict === "pass_over") return;
    if (verdict === "unclear") return this.#lost({ code: 0, reason: "a gap that could not be closed" }, "gap");
    if (frame.t === "welcome") return this.#welcomed(frame);
    if (frame.t === "event") return this.#event(frame);
    this.#heed(frame);
    this.#listener.frame(frame);
  }

  /** What a frame means for the connection itself. */
  #heed(frame: ServerFrame): void {
    switch (frame.t) {
      case "mark":
        this.#places.mark(frame.cursor);
        return this.#become("live", "");
      case "reset":
        return this.#places.reset(frame.cursor);
      case "watching":
        for (const next of this.#places.watching(frame)) this.send(next);
        return;
      case "bye":
        this.#bye = true;
        this.#advice = frame.retry_ms ?? 0;
        return;
      case "renewed":
        return this.#credentials.renewed(frame.expires_at);
      case "expiring":
        return this.#renew(this.#turn);
      default:
    }
  }

  #renew(turn: number): void {
    void this.#credentials.renewInTime(() => turn === this.#turn, (token) => this.send({ t: "token", token }));
  }

  #welcomed(frame: Welcome): void {
    this.#welcomedAt = this.#host.now();
    this.#cancelTimer();
    this.#credentials.welcomed(frame);
    this.#route.welcomed();
    const frames = this.#places.welcomed(frame);
    this.#become(frame.resume === "paged" || frame.resume === "complete" ? "catching_up" : "live", "");
    this.#silence.listen();
    this.#listener.welcome(frame);
    for (const next of frames) this.send(next);
    if (this.#attention === "background") this.#goToBackground();
    this.#route.tryWebsocketLater(() => this.#phase === "live" && this.#attention !== "background", () => {
      this.#drop();
      this.#listener.lost(0, "");
      this.#open();
    });
  }

  #event(frame: EventFrame): void {
    if (!this.#places.isNew(frame)) return;
    try {
      this.#listener.frame(frame);
    } catch (error) {
      return this.#askAgain(frame, error);
    }
    this.#places.passed(frame);
  }

  #askAgain(frame: EventFrame, error: unknown): void {
    const { cursor } = this.#places;
    if (this.#gap.failed(frame.position) >= FAILURES_MAX || cursor === null) {
      this.#gap.close();
      this.#places.passed(frame);
      return this.#listener.stuck(frame, error);
    }
    this.#askFor(cursor);
  }

  /** A replay has places of its own, which only a new connection states. */
  #askFor(cursor: string): void {
    if (this.#places.replaying) return this.#lost({ code: 0, reason: "a gap in a replay" }, "gap");
    this.send({ t: "ping" });
    this.send({ t: "rewind", cursor });
  }

  // -- timers and phases -------------------------------------------------------------------------

  #timer(ms: number, work: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#host.after(ms, work);
  }

  #become(phase: Phase, why: Why): void {
    if (phase === this.#phase && why === "") return;
    this.#phase = phase;
    this.#listener.phase(phase, why);
  }
}
