/** The store with this person's unconfirmed acts laid over it: what the screen reads. */

import { type ReadonlySignal, computed } from "@preact/signals-core";

import * as echo from "./echo.ts";
import type { Names } from "./names.ts";
import type { Entry, Outbox } from "./outbox.ts";
import type { Post, Store } from "./store.ts";
import {
  type CommunityView, type Counts, type Membership, NO_COUNTS, NO_TALLY, type PersonView, type PollSpec, type PollValue,
} from "./views.ts";

export class View {
  readonly store: Store;
  readonly #outbox: Outbox;
  readonly #names: Names;
  readonly #cache = new Map<string, ReadonlySignal<unknown>>();

  constructor(store: Store, outbox: Outbox, names: Names) {
    this.store = store;
    this.#outbox = outbox;
    this.#names = names;
  }

  get me(): string {
    return this.store.me;
  }

  get pending(): ReadonlySignal<readonly Entry[]> {
    return this.#outbox.entries;
  }

  post(id: string): ReadonlySignal<Post | undefined> {
    return this.#cached(`post:${id}`, () => {
      const base = this.store.post(id).value;
      return base && echo.echoPost(base, this.pending.value);
    });
  }

  counts(id: string): ReadonlySignal<Counts> {
    return this.#cached(`counts:${id}`, () => {
      const base = this.store.counts(id).value ?? NO_COUNTS;
      return echo.echoCounts(base, this.store.valuePosition("post", id), this.pending.value, id);
    });
  }

  reactions(id: string): ReadonlySignal<readonly string[]> {
    return this.#cached(`reactions:${id}`, () =>
      echo.echoReactions(this.store.entity("reactions", id).value ?? [], this.pending.value, id));
  }

  poll(id: string, spec: PollSpec): ReadonlySignal<PollValue> {
    return this.#cached(`poll:${id}`, () => {
      const base = this.store.entity("polls", id).value ?? NO_TALLY;
      return echo.echoPoll(base, spec, this.store.valuePosition("poll", id), this.pending.value, id);
    });
  }

  ballot(id: string): ReadonlySignal<readonly number[] | undefined> {
    return this.#cached(`ballot:${id}`, () => echo.echoBallot(this.store.entity("ballots", id).value, this.pending.value, id));
  }

  follows(target: string): ReadonlySignal<boolean> {
    return this.#cached(`follows:${target}`, () =>
      echo.echoFollow(this.store.entity("follows", target).value === true, this.pending.value, target));
  }

  acknowledged(post: string): ReadonlySignal<boolean> {
    return this.#cached(`acknowledged:${post}`, () =>
      echo.echoAcknowledged(this.store.entity("acknowledged", post).value === true, this.pending.value, post));
  }

  joined(community: string): ReadonlySignal<boolean> {
    return this.#cached(`joined:${community}`, () =>
      echo.echoJoined(this.membership(community).value?.joined === true, this.pending.value, community));
  }

  /** Whether the community's posts are part of this person's feed (visibility.py, belongs_to_community). */
  belongs(community: string): boolean {
    const { joined = false, role = "none" } = this.store.get("memberships", community) ?? {};
    return role !== "none" || (joined && this.store.get("communities", community)?.visibility === "open");
  }

  membership(community: string): ReadonlySignal<Membership | undefined> {
    return this.store.entity("memberships", community);
  }

  /** Asks for the community if it is not here yet. */
  community(id: string): ReadonlySignal<CommunityView | undefined> {
    this.#names.wantCommunity(id);
    return this.store.entity("communities", id);
  }

  /** Asks for the person's profile if it is not here yet. */
  person(id: string): ReadonlySignal<PersonView | undefined> {
    this.#names.wantPerson(id);
    const known = this.store.entity("people", id);
    if (id !== this.me) return known;
    return this.#cached(`person:${id}`, () => known.value && echo.echoProfile(known.value, this.pending.value));
  }

  #cached<T>(key: string, work: () => T): ReadonlySignal<T> {
    let node = this.#cache.get(key);
    if (node === undefined) {
      node = computed(work);
      this.#cache.set(key, node);
    }
    return node as ReadonlySignal<T>;
  }
}
