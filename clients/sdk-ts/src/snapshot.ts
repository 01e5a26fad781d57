/**
 * A snapshot as the fold sees it (docs/protocol/http.md): copied on write, so the one folded onto stays as
 * it was; a window on the newest posts of the person's own places, and only what belongs to them.
 * tests/vectors/fold has a case for every event kind; clients/python folds the same ones.
 */

import type { EventType } from "./events.ts";
import { type Entities, type TableName, type Tables, foldEvent, foldValue } from "./fold.ts";
import { type EventFrame, type ServerFrame, type ValueFrame, cursorAt } from "./frames.ts";
import { PLACE_RULES, without } from "./snapshot-places.ts";
import type { Bundle, PersonView, PostView, ScoringChoice, Snapshot } from "./views.ts";

/** More are paged. */
export const SNAPSHOT_POSTS = 50;

/** The snapshot after one frame of the server; frames without a meaning for it return it unchanged. */
export function fold(snapshot: Snapshot, frame: ServerFrame): Snapshot {
  switch (frame.t) {
    case "event":
      return { ...folded(snapshot, frame), cursor: cursorAt(snapshot.cursor, frame.position) };
    case "value":
      return folded(snapshot, frame);
    case "mark":
      return { ...snapshot, cursor: frame.cursor };
    case "welcome":
      return withoutLost(snapshot, frame.channels);
    default:
      return snapshot;
  }
}

/** One answer of ``GET /sync?since=`` that is no ``reset``. */
export interface SyncPage {
  cursor: string;
  channels: string[];
  events: EventFrame[];
  values: ValueFrame[];
  more: boolean;
}

export function foldPage(snapshot: Snapshot, page: SyncPage): Snapshot {
  const after = [...page.events, ...page.values].reduce(fold, withoutLost(snapshot, page.channels));
  // What newly is the person's own may be told by an event of a later page.
  return { ...(page.more ? after : newPlaces(after, page.channels)), cursor: page.cursor };
}

/** What was fetched because a fold could not know it. */
export interface Fetched extends Partial<Omit<Bundle, "people">> {
  people?: Bundle["people"] | PersonView[];
}

/** Puts fetched posts and people in place of stale and missing ones; others are ignored. */
export function install(snapshot: Snapshot, answer: Fetched): Snapshot {
  const posts = Object.entries(answer.posts ?? {}).filter(([id]) => id in snapshot.posts);
  const fresh = new Set(posts.map(([id]) => `post:${id}`));
  const people = Array.isArray(answer.people) ? Object.fromEntries(answer.people.map((one) => [one.id, one])) : (answer.people ?? {});
  const { mine } = snapshot;
  return pruned({
    ...snapshot,
    posts: { ...snapshot.posts, ...Object.fromEntries(posts) },
    people: { ...snapshot.people, ...people },
    polls: { ...snapshot.polls, ...answer.polls },
    mine: {
      ...mine,
      reactions: { ...mine.reactions, ...answer.mine?.reactions },
      ballots: { ...mine.ballots, ...answer.mine?.ballots },
    },
    stale: (snapshot.stale ?? []).filter((name) => !fresh.has(name)),
  });
}

function folded(snapshot: Snapshot, frame: EventFrame | ValueFrame): Snapshot {
  const state = new Draft(snapshot);
  if (frame.t === "value") foldValue(state, frame);
  else {
    const rule = PLACE_RULES[frame.type as EventType] as ((draft: Draft, body: never, frame: EventFrame) => void) | undefined;
    if (rule !== undefined) rule(state, frame.body as never, frame);
    else foldEvent(state, frame);
  }
  return pruned(state.snapshot);
}

/** Takes out places that are the person's no longer: events about a place are not sent to those who left it. */
function withoutLost(snapshot: Snapshot, channels: readonly string[]): Snapshot {
  const now = new Set(channels);
  const draft = new Draft(snapshot);
  for (const place of draft.places()) if (!now.has(place)) without(draft, place);
  return pruned(draft.snapshot);
}

/** Asks for what newly is the person's own. */
function newPlaces(snapshot: Snapshot, channels: readonly string[]): Snapshot {
  const draft = new Draft(snapshot);
  const had = draft.places();
  if (channels.some((channel) => /^[cd]:/u.test(channel) && !had.has(channel))) draft.stale("order");
  return draft.snapshot;
}

/** A copy of a snapshot that may be changed. */
export class Draft implements Entities {
  readonly me: string;
  readonly snapshot: Snapshot;

  constructor(base: Snapshot) {
    this.me = base.me.id;
    const { reactions, ballots, read } = base.mine;
    this.snapshot = {
      ...base,
      posts: { ...base.posts },
      polls: { ...base.polls },
      people: { ...base.people },
      communities: { ...base.communities },
      memberships: { ...base.memberships },
      conversations: { ...base.conversations },
      mine: { ...base.mine, reactions: { ...reactions }, ballots: { ...ballots }, read: { ...read } },
    };
  }

  places(): Set<string> {
    const { communities, conversations } = this.snapshot;
    return new Set([...Object.keys(communities).map((id) => `c:${id}`), ...Object.keys(conversations).map((id) => `d:${id}`)]);
  }

  get<K extends TableName>(table: K, id: string): Tables[K] | undefined {
    const found = tableOf(this.snapshot, table)[id] as Tables[K] | undefined;
    return table === "people" && id === this.me ? (this.snapshot.me as Tables[K]) : found;
  }

  put<K extends TableName>(table: K, id: string, value: Tables[K] | undefined): void {
    if (table === "follows" || table === "acknowledged") return this.#list(table, id, value !== undefined);
    if (table === "choices") this.snapshot.choice = value as ScoringChoice;
    if (table === "people" && id === this.me) this.snapshot.me = value as PersonView;
    const values = tableOf(this.snapshot, table);
    if (value === undefined) delete values[id];
    else values[id] = value;
  }

  /** Frames come in the order of the node: whatever comes is news. */
  newer(): boolean {
    return true;
  }

  appeared(post: PostView): void {
    if (post.parent !== "" || !this.places().has(post.place)) delete this.snapshot.posts[post.id];
  }

  /** An author who is not known any more is missing, and fetched as such. */
  stale(name: string): void {
    const person = name.startsWith("person:") ? name.slice("person:".length) : null;
    if (person === this.me) return this.stale("order");
    if (person !== null) return this.put("people", person, undefined);
    this.snapshot.stale = [...new Set([...(this.snapshot.stale ?? []), name])].toSorted();
  }

  #list(list: "follows" | "acknowledged", id: string, on: boolean): void {
    const rest = this.snapshot.mine[list].filter((other) => other !== id);
    this.snapshot.mine[list] = on ? [...rest, id].toSorted() : rest;
  }
}

/** The plain maps of a snapshot; follows and acknowledged are lists there and are shown as lookups. */
function tableOf(snapshot: Snapshot, table: TableName): Record<string, unknown> {
  switch (table) {
    case "reactions":
    case "ballots":
    case "read":
      return snapshot.mine[table];
    case "follows":
    case "acknowledged":
      return Object.fromEntries(snapshot.mine[table].map((id) => [id, true]));
    case "choices":
      return { [snapshot.me.id]: snapshot.choice };
    default:
      return snapshot[table];
  }
}

/** Keeps the newest posts, and only what belongs to them. */
function pruned(snapshot: Snapshot): Snapshot {
  const { posts, polls, people, mine, stale = [], ...rest } = snapshot;
  const order = Object.values(posts).toSorted((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, SNAPSHOT_POSTS).map((post) => post.id);
  const kept = new Set(order);
  const shownPolls = new Set(order.filter((id) => posts[id]?.detail?.poll));
  const authors = new Set(order.map((id) => posts[id]?.author));
  const channels = new Set([...new Draft(snapshot).places(), ...order.map((id) => `t:${id}`)]);
  const still = stale.filter((name) => name === "order" || kept.has(name.replace("post:", "")));
  return {
    ...rest,
    order,
    posts: only(posts, kept),
    polls: only(polls, shownPolls),
    people: only(people, authors),
    mine: {
      ...mine,
      reactions: only(mine.reactions, kept),
      ballots: only(mine.ballots, shownPolls),
      acknowledged: mine.acknowledged.filter((id) => kept.has(id)),
      read: only(mine.read, channels),
    },
    ...(still.length > 0 ? { stale: still } : {}),
  };
}

function only<T>(values: Record<string, T>, wanted: ReadonlySet<string | undefined>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => wanted.has(key)));
}
