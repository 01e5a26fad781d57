/** A snapshot as the fold sees it: copied on write, so the one folded onto stays as it was. */

import { type Entities, type TableName, type Tables, foldEvent, foldValue } from "./fold.ts";
import type { EventFrame, ValueFrame } from "./frames.ts";
import { type PostView, type Snapshot, isRoot } from "./views.ts";

/** The node's own: DESIGN's snapshot holds this many of the latest posts at the top of a thread. */
export const SNAPSHOT_POSTS = 50;

/** Snapshot + tail = the snapshot a node would give now (I4), but for people nobody mentioned yet. */
export function fold(snapshot: Snapshot, frames: Iterable<EventFrame | ValueFrame>): Snapshot {
  const state = new SnapshotEntities(snapshot);
  for (const frame of frames) {
    if (frame.t === "event") foldEvent(state, frame);
    else foldValue(state, frame);
  }
  return state.snapshot;
}

class SnapshotEntities implements Entities {
  readonly me: string;
  readonly snapshot: Snapshot;
  readonly #revs = new Map<string, number>();

  constructor(base: Snapshot) {
    this.me = base.me.id;
    const mine = { ...base.mine, reactions: { ...base.mine.reactions }, ballots: { ...base.mine.ballots } };
    this.snapshot = {
      ...base,
      posts: { ...base.posts },
      order: [...base.order],
      polls: { ...base.polls },
      people: { ...base.people },
      communities: { ...base.communities },
      memberships: { ...base.memberships },
      conversations: { ...base.conversations },
      mine,
    };
  }

  get<K extends TableName>(table: K, id: string): Tables[K] | undefined {
    return tableOf(this.snapshot, table)[id] as Tables[K] | undefined;
  }

  put<K extends TableName>(table: K, id: string, value: Tables[K] | undefined): void {
    if (table === "follows" || table === "acknowledged") return this.#putListed(table, id, value !== undefined);
    const values = tableOf(this.snapshot, table);
    if (value === undefined) delete values[id];
    else values[id] = value;
    if (table === "people" && id === this.me) this.snapshot.me = value as Tables["people"];
  }

  #putListed(list: "follows" | "acknowledged", id: string, on: boolean): void {
    const rest = this.snapshot.mine[list].filter((other) => other !== id);
    this.snapshot.mine[list] = on ? [...rest, id].toSorted() : rest;
  }

  newer(register: string, rev: number): boolean {
    if (rev <= (this.#revs.get(register) ?? 0)) return false;
    this.#revs.set(register, rev);
    return true;
  }

  appeared(post: PostView): void {
    const { posts, polls, order } = this.snapshot;
    if (!isRoot(post) || !post.place.startsWith("c:")) {
      delete posts[post.id];
      return;
    }
    order.push(post.id);
    order.sort((a, b) => byNewest(posts[a], posts[b]));
    for (const id of order.splice(SNAPSHOT_POSTS)) {
      delete posts[id];
      delete polls[id];
    }
  }
}

function byNewest(a: PostView | undefined, b: PostView | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return b.at - a.at || (a.id < b.id ? 1 : -1);
}

/** The plain maps of a snapshot; follows and acknowledged are lists there and are shown as lookups. */
function tableOf(snapshot: Snapshot, table: TableName): Record<string, unknown> {
  switch (table) {
    case "reactions":
    case "ballots":
      return snapshot.mine[table];
    case "follows":
    case "acknowledged":
      return Object.fromEntries(snapshot.mine[table].map((id) => [id, true]));
    default:
      return snapshot[table];
  }
}
