/**
 * Commands on their way: kept on the shelf under the person's name until the node has answered.
 *
 * One command is in flight at a time, so what a person did arrives in the order they did it. Each
 * carries its client key, so sending again after a lost answer changes nothing twice (I2).
 *
 *     waiting -> sent -> done (answered: leaves once its effect is seen)
 *        ^________|  lost connection, or a refusal that may pass
 *                 `-> failed (a refusal that stays: the person retries or discards)
 *
 * A command that cannot be brought through is told to its owner as failed, and holds up nobody: one the node
 * closes the connection over, one it fails at again and again, and one it might have forgotten and do twice.
 * What the node says of itself (busy, full, stopping) is no command's fault: then all wait, in their order.
 *
 * Pages of one browser share the shelf, and each may have taken up the same command. Two that send it are one
 * deed (I2); but what is discarded on one page must go from all. So a discarded key leaves a note on the shelf,
 * for as long as a page might still send it by itself: each page reads the notes when another writes one, and
 * once more before it sends on a new connection, for it may have slept.
 */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { backoff } from "./backoff.ts";
import type { Command } from "./commands.ts";
import { type Answer, type Done, type ErrorBody, cursorPosition } from "./frames.ts";
import type { Host, Shelf } from "./host.ts";
import { ulidMaker } from "./ulid.ts";

export type EntryState = "waiting" | "sent" | "done" | "failed";

export interface Entry {
  readonly key: string;
  readonly at: number;
  readonly command: Command;
  readonly state: EntryState;
  readonly error: ErrorBody | null;
  readonly answer: Answer | null;
  /** Commit position of the answer; 0 until answered. */
  readonly position: number;
  /** What held for this person before (a reaction's on or off, a ballot's choices): what an echo subtracts. */
  readonly before: unknown;
}

/** The note of a discarded command: of when it was, and what had been refused to it. */
type Discarded = Pick<Entry, "key" | "at" | "error">;

export type Outcome = { ok: true; answer: Answer } | { ok: false; error: ErrorBody };

/** A day in a tunnel, and a shelf that a loop gone wild cannot fill. */
export const OUTBOX_MAX = 500;
/** Nodes remember keys for seven days; one day less, for clocks and long links. */
export const KEY_KEPT_MS = 6 * 24 * 3_600_000;
/** So often a node may fail at one command before that is told to its owner. */
export const FAULTS_MAX = 3;
/** How long an answered command's echo is shown while its effect has not come back. */
export const ECHO_MS_MAX = 3_000;

/** Refusals that speak of the node, not of the command. */
const NODE_WIDE = new Set(["rate_limited", "overloaded", "read_only", "disk_full", "stopping", "recovering"]);
/** Closes with which a node says that a frame of ours was at fault. */
const BLAMED: Record<number, string> = { 1009: "too_large", 4400: "bad_frame", 4413: "too_large" };
const OUR_FAULT = 1011;

const FULL: ErrorBody = { code: "outbox_full", message: "Too much is waiting to be sent already. Try again once you are connected.", retry: true };
const STALE: ErrorBody = { code: "stale", message: "This waited so long that sending it by itself could do it twice. Send it again if it is still wanted.", retry: false };
const DISCARDED: ErrorBody = { code: "discarded", message: "You discarded this on another page.", retry: false };

export interface Wire {
  /** False when there is no connection; ``opened`` will be called once there is one. */
  send(key: string, command: Command): boolean;
}

export class Outbox {
  readonly #host: Host;
  readonly #shelf: Shelf;
  readonly #wire: Wire;
  readonly #prefix: string;
  readonly #notes: string;
  readonly #mint: () => string;
  readonly #entries = signal<readonly Entry[]>([]);
  readonly #waiters = new Map<string, (outcome: Outcome) => void>();
  readonly #faults = new Map<string, number>();
  /** Ends the pause; null while there is none. By a timer alone: it may be early by the clock, or the clock be set. */
  #resume: (() => void) | null = null;
  #pauses = 0;
  /** Readings of the notes under way; nothing is sent meanwhile. */
  #readings = 0;

  constructor(host: Host, shelf: Shelf, wire: Wire, person: string) {
    this.#host = host;
    this.#shelf = shelf;
    this.#wire = wire;
    this.#prefix = `outbox:${person}:`;
    this.#notes = `discarded:${person}:`;
    this.#mint = ulidMaker(() => host.now(), () => host.random());
    shelf.watch((key) => key.startsWith(this.#notes) && void this.#heed());
  }

  /** In the order of sending. */
  get entries(): ReadonlySignal<readonly Entry[]> {
    return this.#entries;
  }

  /** Why it takes nothing just now, for who would rather keep what they wrote; else null. */
  get full(): ErrorBody | null {
    return this.#entries.value.length >= OUTBOX_MAX ? FULL : null;
  }

  /** Takes up what an earlier page left behind. */
  async restore(): Promise<void> {
    const kept = (await this.#shelf.list(this.#prefix)) as Entry[];
    const known = new Set(this.#entries.value.map((entry) => entry.key));
    const old = kept.filter((entry) => !known.has(entry.key)).map((entry) => waitingAgain(entry));
    this.#entries.value = [...old, ...this.#entries.value];
    await this.#heed();
  }

  /** Settles with the node's answer, or a refusal that stays; a lost connection only takes longer. */
  async submit(command: Command, before: unknown = null): Promise<Outcome> {
    const { full } = this;
    if (full !== null) return { ok: false, error: full };
    const entry = this.#entry(command, before);
    const outcome = new Promise<Outcome>((resolve) => this.#waiters.set(entry.key, resolve));
    this.#entries.value = [...this.#entries.value, entry];
    await this.#keep(entry);
    this.#pump();
    return outcome;
  }

  /** The owner wants it all the same. Under a new key where the node may have forgotten the old one. */
  retry(key: string): void {
    const entry = this.#find(key);
    if (entry?.error?.code === STALE.code) {
      this.discard(key);
      void this.submit(entry.command, entry.before);
      return;
    }
    this.#change(key, { state: "waiting", error: null });
    this.#pump();
  }

  /** On every page of this browser. */
  discard(key: string): void {
    const entry = this.#find(key);
    if (entry !== undefined) void this.#note({ key, at: entry.at, error: entry.error });
    this.#remove(key);
    this.#pump();
  }

  /** A new connection: whatever was under way on the old one is sent again. */
  opened(): void {
    this.#resume?.();
    const oldest = this.#oldest();
    for (const { key, at, state } of this.#entries.value) if (at < oldest && state !== "done" && state !== "failed") this.#fail(key, STALE);
    this.#entries.value = this.#entries.value.map((entry) => waitingAgain(entry));
    void this.#heed();
  }

  /** The connection ended, perhaps over what was under way. */
  lost(code: number, reason: string): void {
    const sent = this.#entries.value.find(({ state }) => state === "sent");
    if (sent === undefined) return;
    const blamed = BLAMED[code];
    if (blamed !== undefined) this.#fail(sent.key, { code: blamed, message: reason, retry: false });
    else if (code === OUR_FAULT) this.#fault(sent.key, { code: "internal", message: reason, retry: true });
    this.#entries.value = this.#entries.value.map((entry) => waitingAgain(entry));
  }

  answered(done: Done): void {
    if (done.ok) this.#succeed(done);
    else this.#refuse(done.key, done.error ?? { code: "internal", message: "", retry: true });
    this.#pump();
  }

  /** Lets go of what was discarded on any page, and of notes nobody needs any more. */
  async #heed(): Promise<void> {
    this.#readings += 1;
    const notes = (await this.#shelf.list(this.#notes).catch(() => [])) as Discarded[];
    this.#readings -= 1;
    for (const { key, error } of notes) {
      if (this.#find(key) === undefined) continue;
      this.#settle(key, { ok: false, error: error ?? DISCARDED });
      this.#remove(key);
    }
    const oldest = this.#oldest();
    const needless = notes.filter(({ at }, index) => at < oldest || index < notes.length - OUTBOX_MAX);
    for (const { key } of needless) void this.#shelf.delete(this.#notes + key).catch(() => {});
    this.#pump();
  }

  /** Older commands are not sent but at their owner's word. */
  #oldest(): number {
    return this.#host.now() - KEY_KEPT_MS;
  }

  #entry(command: Command, before: unknown): Entry {
    return { key: this.#mint(), at: this.#host.now(), command, before, state: "waiting", error: null, answer: null, position: 0 };
  }

  #succeed(done: Done): void {
    const position = done.cursor === undefined ? 0 : cursorPosition(done.cursor);
    this.#pauses = 0;
    this.#change(done.key, { state: "done", answer: done.answer ?? {}, position });
    void this.#forget(done.key);
    this.#host.after(ECHO_MS_MAX, () => this.#remove(done.key));
    this.#settle(done.key, { ok: true, answer: done.answer ?? {} });
  }

  #refuse(key: string, error: ErrorBody): void {
    if (!error.retry) return this.#fail(key, error);
    this.#change(key, { state: "waiting", error });
    if (!NODE_WIDE.has(error.code) && this.#fault(key, error)) return;
    this.#pause(backoff(this.#pauses, 0, this.#host.random()));
    this.#pauses += 1;
  }

  #pause(ms: number): void {
    this.#resume?.();
    const cancel = this.#host.after(ms, () => {
      this.#resume = null;
      this.#pump();
    });
    this.#resume = () => {
      this.#resume = null;
      cancel();
    };
  }

  /** The node failed at this command; true once it has done so too often. */
  #fault(key: string, error: ErrorBody): boolean {
    const faults = (this.#faults.get(key) ?? 0) + 1;
    this.#faults.set(key, faults);
    if (faults < FAULTS_MAX) return false;
    this.#fail(key, error);
    return true;
  }

  #fail(key: string, error: ErrorBody): void {
    this.#faults.delete(key);
    this.#change(key, { state: "failed", error });
    const entry = this.#find(key);
    if (entry !== undefined) void this.#keep(entry);
    this.#settle(key, { ok: false, error });
  }

  /** Sends the first waiting command, if none is under way. A failed one does not hold up the rest. */
  #pump(): void {
    if (this.#resume !== null || this.#readings > 0) return;
    if (this.#entries.value.some((entry) => entry.state === "sent")) return;
    const next = this.#entries.value.find((entry) => entry.state === "waiting");
    if (next === undefined || !this.#wire.send(next.key, next.command)) return;
    this.#change(next.key, { state: "sent" });
  }

  #find(key: string): Entry | undefined {
    return this.#entries.value.find((entry) => entry.key === key);
  }

  #change(key: string, change: Partial<Entry>): void {
    this.#entries.value = this.#entries.value.map((entry) => (entry.key === key ? { ...entry, ...change } : entry));
  }

  #remove(key: string): void {
    this.#entries.value = this.#entries.value.filter((entry) => entry.key !== key);
    this.#waiters.delete(key);
    this.#faults.delete(key);
    void this.#forget(key);
  }

  #settle(key: string, outcome: Outcome): void {
    this.#waiters.get(key)?.(outcome);
    this.#waiters.delete(key);
  }

  async #keep(entry: Entry): Promise<void> {
    // A full disk must not lose the post: it stays in memory and is sent all the same.
    await this.#shelf.set(this.#prefix + entry.key, entry).catch(() => {});
  }

  async #note(note: Discarded): Promise<void> {
    await this.#shelf.set(this.#notes + note.key, note).catch(() => {});
  }

  async #forget(key: string): Promise<void> {
    await this.#shelf.delete(this.#prefix + key).catch(() => {});
  }
}

function waitingAgain(entry: Entry): Entry {
  return entry.state === "sent" ? { ...entry, state: "waiting" } : entry;
}
