/**
 * What one client hears and how far it has heard it: the cursor, the watched channels, and which events are new.
 *
 * 1. ``last`` is the highest position handed on; its cursor is what a reconnect resumes from.
 * 2. A channel watched with ``since`` has a place of its own until the node says ``watching``, because its
 *    older events arrive after newer ones of other channels. An event is new when it lies beyond the place of
 *    every channel of ours it is on: so each is handed on once, however replays and live traffic overlap.
 * 3. Presence (``p:``) has no past: it is watched anew on every connection, never resumed.
 */

import { type ClientFrame, type EventFrame, type Watching, type Welcome, cursorAt, cursorPosition } from "./frames.ts";

export class Places {
  #cursor: string | null = null;
  #own: ReadonlySet<string> = new Set();
  readonly #watched = new Set<string>();
  readonly #heard = new Map<string, number>();
  /** Watches with ``since`` that are not through, by the id of their frame. */
  readonly #replays = new Map<number, readonly string[]>();
  #watchId = 0;

  /** Where a resume begins. */
  get cursor(): string | null {
    return this.#cursor;
  }

  get replaying(): boolean {
    return this.#heard.size > 0;
  }

  /** A snapshot was taken at this cursor. Of the same log it never takes back what was heard since. */
  startFrom(cursor: string): void {
    const known = this.#cursor;
    const sameLog = known !== null && cursorAt(known, 0) === cursorAt(cursor, 0);
    if (!sameLog || cursorPosition(cursor) > this.#last) this.#cursor = cursor;
  }

  hello(): { cursor?: string; channels?: string[] } {
    const plain = [...this.#watched].filter((channel) => !this.#heard.has(channel) && !channel.startsWith("p:"));
    return { ...(this.#cursor === null ? {} : { cursor: this.#cursor }), ...(plain.length === 0 ? {} : { channels: plain }) };
  }

  /** What to say after a welcome. */
  welcomed(frame: Welcome): ClientFrame[] {
    this.#own = new Set(frame.channels);
    if ((frame.resume !== "complete" && frame.resume !== "paged") || this.#cursor === null) this.reset(frame.cursor);
    this.#replays.clear();
    const cursor = this.#cursor ?? frame.cursor;
    const presence = [...this.#watched].filter((channel) => channel.startsWith("p:"));
    const frames = [...this.#heard].map(([channel, heard]) => this.#frame([channel], cursorAt(cursor, heard)));
    return presence.length === 0 ? frames : [...frames, this.#frame(presence, null)];
  }

  /** No replay follows: everything is heard from here on. */
  reset(cursor: string): void {
    this.#cursor = cursor;
    for (const channel of this.#heard.keys()) this.#heard.set(channel, cursorPosition(cursor));
  }

  /** What came after this cursor counts as never heard. */
  goBack(cursor: string): void {
    this.#cursor = cursor;
  }

  mark(cursor: string): void {
    if (cursorPosition(cursor) > this.#last) this.#cursor = cursor;
  }

  isNew(event: EventFrame): boolean {
    if (event.position > this.#last) return true;
    const places = (event.channels ?? [])
      .filter((channel) => this.#own.has(channel) || this.#watched.has(channel))
      .map((channel) => this.#heard.get(channel) ?? this.#last);
    return places.length > 0 && event.position > Math.max(...places);
  }

  /** The event has been handed on. */
  passed(event: EventFrame): void {
    for (const channel of event.channels ?? []) {
      const heard = this.#heard.get(channel);
      if (heard !== undefined) this.#heard.set(channel, Math.max(heard, event.position));
    }
    if (this.#cursor !== null && event.position > this.#last) this.#cursor = cursorAt(this.#cursor, event.position);
  }

  /** With ``since``: what the channels held after it comes first. */
  watch(channels: readonly string[], since: string | null): ClientFrame {
    for (const channel of channels) {
      this.#watched.add(channel);
      if (since !== null) this.#heard.set(channel, cursorPosition(since));
    }
    return this.#frame(channels, since);
  }

  unwatch(channels: readonly string[]): ClientFrame {
    this.#forget(channels);
    return { t: "unwatch", channels: [...channels] };
  }

  /** A watch was answered: its replay is through. What was missed too long ago is heard from now on. */
  watching(frame: Watching): ClientFrame[] {
    for (const channel of this.#replays.get(frame.id) ?? []) this.#heard.delete(channel);
    this.#replays.delete(frame.id);
    const tooOld = frame.refused.filter(({ code }) => code === "gone" || code === "bad_cursor").map(({ channel }) => channel);
    this.#forget(frame.refused.map(({ channel }) => channel).filter((channel) => !tooOld.includes(channel)));
    return tooOld.length === 0 ? [] : [this.#frame(tooOld, null)];
  }

  get #last(): number {
    return this.#cursor === null ? -1 : cursorPosition(this.#cursor);
  }

  #forget(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#watched.delete(channel);
      this.#heard.delete(channel);
    }
  }

  #frame(channels: readonly string[], since: string | null): ClientFrame {
    this.#watchId += 1;
    if (since === null) return { t: "watch", id: this.#watchId, channels: [...channels] };
    this.#replays.set(this.#watchId, channels);
    return { t: "watch", id: this.#watchId, channels: [...channels], since };
  }
}
