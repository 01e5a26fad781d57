/**
 * Who is here and who types: told as it is now, kept nowhere, unknown while there is no connection.
 *
 * A person's presence is watched while it is on somebody's screen. What is wanted is gathered and said in one
 * frame, so that scrolling through a list of people does not become a frame for each of them.
 */

import { type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import type { PresenceState, TypingNow, ValueFrame } from "./frames.ts";
import type { Host } from "./host.ts";

/** Two frames each time at most; the node allows 60 in 10 s. */
export const GATHER_MS = 500;
/** Half of the channels a connection may watch: the other half is for what is read. */
export const PRESENCE_MAX = 128;

const NOBODY: readonly string[] = [];
const NO_STATE = { position: -1, state: undefined };

export interface Watch {
  watch(channels: readonly string[]): void;
  unwatch(channels: readonly string[]): void;
}

interface Known {
  position: number;
  state: PresenceState | undefined;
}

export class Company {
  readonly #host: Host;
  readonly #watch: Watch;
  readonly #typing = new Map<string, Signal<readonly string[]>>();
  readonly #states = new Map<string, Signal<Known>>();
  readonly #wanted = new Map<string, number>();
  #watched = new Set<string>();
  #gathering = false;

  constructor(host: Host, watch: Watch) {
    this.#host = host;
    this.#watch = watch;
  }

  /** Who types in a channel now, without oneself. */
  typing(channel: string): ReadonlySignal<readonly string[]> {
    return this.#typingIn(channel);
  }

  /** Undefined while nobody knows. */
  presence(person: string): PresenceState | undefined {
    return this.#stateOf(person).value.state;
  }

  /** Wants a person's presence until the answer is called. */
  see(person: string): () => void {
    this.#wanted.set(person, (this.#wanted.get(person) ?? 0) + 1);
    this.#gather();
    return () => {
      const left = (this.#wanted.get(person) ?? 1) - 1;
      if (left > 0) this.#wanted.set(person, left);
      else this.#wanted.delete(person);
      this.#gather();
    };
  }

  typed({ channel, people }: TypingNow, me: string): void {
    const others = people.filter((person) => person !== me);
    this.#typingIn(channel).value = others.length === 0 ? NOBODY : others;
  }

  /** Whoever has written types no more, whatever the next word about them says. */
  wrote(person: string, channels: readonly string[]): void {
    for (const channel of channels) {
      const typing = this.#typing.get(channel);
      if (typing?.value.includes(person)) typing.value = typing.value.filter((other) => other !== person);
    }
  }

  /** The same position may come again with what holds now: the last word counts. */
  present({ id, position, value }: Extract<ValueFrame, { of: "presence" }>): void {
    const known = this.#stateOf(id);
    if (position >= known.value.position) known.value = { position, state: value.state };
  }

  /** Without a connection nothing of this is known; positions begin anew with the next one. */
  forget(): void {
    for (const typing of this.#typing.values()) typing.value = NOBODY;
    for (const known of this.#states.values()) known.value = NO_STATE;
  }

  #typingIn(channel: string): Signal<readonly string[]> {
    let typing = this.#typing.get(channel);
    if (typing === undefined) {
      typing = signal(NOBODY);
      this.#typing.set(channel, typing);
    }
    return typing;
  }

  #stateOf(person: string): Signal<Known> {
    let known = this.#states.get(person);
    if (known === undefined) {
      known = signal<Known>(NO_STATE);
      this.#states.set(person, known);
    }
    return known;
  }

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#host.after(GATHER_MS, () => {
      this.#gathering = false;
      this.#say();
    });
  }

  #say(): void {
    const wanted = new Set([...this.#wanted.keys()].slice(0, PRESENCE_MAX));
    const gone = [...this.#watched].filter((person) => !wanted.has(person));
    const fresh = [...wanted].filter((person) => !this.#watched.has(person));
    this.#watched = wanted;
    for (const person of gone) this.#stateOf(person).value = NO_STATE;
    if (gone.length > 0) this.#watch.unwatch(gone.map(channelOf));
    if (fresh.length > 0) this.#watch.watch(fresh.map(channelOf));
  }
}

function channelOf(person: string): string {
  return `p:${person}`;
}
