/**
 * What this client knows, normalised: one value per entity, one signal per entity somebody looks at.
 *
 * Frames fold into the values at once; the signals follow at most once a frame of the screen, with the
 * latest value only, so a thousand updates a second cost one repaint. A post's counters are a signal of
 * their own: a counting number never renders the post's text again.
 */

import { type ReadonlySignal, type Signal, batch, signal } from "@preact/signals-core";

import type { Bodies } from "./events.ts";
import { type Entities, type TableName, type Tables, foldEvent, foldValue } from "./fold.ts";
import { type CaseValue, type EventFrame, type ImpactValue, type ValueFrame, cursorAt, cursorPosition } from "./frames.ts";
import { type Bundle, type Counts, type PostView, type Snapshot, isRoot } from "./views.ts";

/** Counters are read by ``counts``. */
export type Post = Omit<PostView, "counts">;

/** Frames kept to be folded again over a view which was fetched before they came. */
const TAIL_FRAMES_MAX = 1024;

/** Keys of what a snapshot holds whole. */
const REPLACED = /^(?:choices|communities|memberships|conversations|follows|ids):/u;

type Frame = EventFrame | ValueFrame;

export class Store implements Entities {
  readonly #schedule: (flush: () => void) => void;
  readonly #values = new Map<string, unknown>();
  readonly #nodes = new Map<string, Signal<unknown>>();
  readonly #dirty = new Set<string>();
  readonly #revs = new Map<string, number>();
  readonly #listeners = new Set<(posts: readonly PostView[]) => void>();
  readonly #staleListeners = new Set<(name: string) => void>();
  #tail: Frame[] = [];
  #arrivals: PostView[] = [];
  #refolding = false;
  #scheduled = false;
  #me = "";
  /** Which log the frames are of: the beginning of its cursors. */
  #log = "";
  readonly #region = signal("");
  readonly #impact = signal<ImpactValue | null>(null);
  readonly #case = signal<CaseValue | null>(null);
  readonly #generation = signal(0);
  readonly #paused = signal(false);
  #urgent = false;

  /** ``schedule`` runs its work at the next frame of the screen. */
  constructor(schedule: (flush: () => void) => void) {
    this.#schedule = schedule;
  }

  get me(): string {
    return this.#me;
  }

  /** The region of the node we talk to. */
  get region(): ReadonlySignal<string> {
    return this.#region;
  }

  get impact(): ReadonlySignal<ImpactValue | null> {
    return this.#impact;
  }

  /** What was told last of a case about oneself: opened, held or decided. */
  get caseTold(): ReadonlySignal<CaseValue | null> {
    return this.#case;
  }

  /** Rises whenever everything was replaced: whoever shows a list fetches it again. */
  get generation(): ReadonlySignal<number> {
    return this.#generation;
  }

  /** While paused the screen changes only when this person does something (WCAG 2.2.2). */
  get paused(): ReadonlySignal<boolean> {
    return this.#paused;
  }

  pause(on: boolean): void {
    this.#paused.value = on;
    if (!on) this.flush();
  }

  // -- looking ---------------------------------------------------------------------------------

  post(id: string): ReadonlySignal<Post | undefined> {
    return this.#node(`posts:${id}`);
  }

  counts(id: string): ReadonlySignal<Counts | undefined> {
    return this.#node(`counts:${id}`);
  }

  entity<K extends TableName>(table: K, id: string): ReadonlySignal<Tables[K] | undefined> {
    return this.#node(`${table}:${id}`);
  }

  /** Ids of the replies known in a thread, oldest first. */
  replies(root: string): ReadonlySignal<readonly string[] | undefined> {
    return this.#node(`replies:${root}`);
  }

  /** Ids of everything known in a table. */
  ids(table: "communities" | "memberships"): ReadonlySignal<readonly string[] | undefined> {
    return this.#node(`ids:${table}`);
  }

  /** Regions whose receipts for an erasure came live; only who asked is told. */
  receipts(request: string): ReadonlySignal<readonly string[] | undefined> {
    return this.#node(`receipts:${request}`);
  }

  /** Position of the last counters or tally applied: an echo of an earlier act is already in them. */
  valuePosition(of: "post" | "poll", id: string): number {
    return this.#revs.get(`value:${of}:${id}`) ?? 0;
  }

  /** Hears of posts and replies that came live, once a frame. */
  onArrival(listener: (posts: readonly PostView[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // -- filling ---------------------------------------------------------------------------------

  apply(frame: Frame): void {
    this.#tail.push(frame);
    if (frame.t === "event" && frame.by === this.#me) this.#urgent = true;
    if (frame.t === "event" && frame.type === "erasure.requested") this.#forget(frame.body as unknown as Bodies["erasure.requested"]);
    if (frame.t === "event" && frame.type === "erasure.completed") this.#remember(`receipts:${String(frame.body["request"])}`, String(frame.body["region"]));
    if (this.#tail.length > 2 * TAIL_FRAMES_MAX) this.#tail = this.#tail.slice(-TAIL_FRAMES_MAX);
    this.#foldOne(frame);
  }

  /** A reset at this cursor. Nothing of a restored node's earlier log is folded again: its positions say nothing in this one. */
  cut(cursor: string): void {
    const log = cursorAt(cursor, 0);
    if (log !== this.#log) this.#tail = [];
    this.#log = log;
  }

  /** A page of posts with what belongs to them, as of its cursor; what came live since stays on top. */
  load(bundle: Partial<Bundle> & { cursor: string }): void {
    const position = cursorPosition(bundle.cursor);
    this.#urgent = true;
    for (const [id, person] of Object.entries(bundle.people ?? {})) this.put("people", id, person);
    for (const [id, post] of Object.entries(bundle.posts ?? {})) {
      this.put("posts", id, post);
      this.#revs.set(`value:post:${id}`, position);
      if (bundle.mine === undefined) continue;
      this.put("reactions", id, bundle.mine.reactions[id]);
      this.put("acknowledged", id, bundle.mine.acknowledged.includes(id) || undefined);
    }
    for (const [id, poll] of Object.entries(bundle.polls ?? {})) {
      this.put("polls", id, poll);
      this.#revs.set(`value:poll:${id}`, position);
      this.put("ballots", id, bundle.mine?.ballots[id]);
    }
    for (const follow of bundle.mine?.follows ?? []) this.put("follows", follow, true);
    for (const [channel, upTo] of Object.entries(bundle.mine?.read ?? {})) this.put("read", channel, upTo);
    this.#refold(position);
  }

  /**
   * Starts over from a snapshot. Posts stay until whoever shows them has fetched them again, so that a
   * reset is not seen; places and follows are exactly the snapshot's.
   */
  replace(snapshot: Snapshot): void {
    for (const key of this.#values.keys()) if (REPLACED.test(key)) this.#set(key, undefined);
    this.#revs.clear();
    this.cut(snapshot.cursor);
    this.#me = snapshot.me.id;
    this.#region.value = snapshot.region;
    this.put("people", snapshot.me.id, snapshot.me);
    this.put("choices", snapshot.me.id, snapshot.choice);
    for (const table of ["communities", "memberships", "conversations"] as const) {
      for (const [id, value] of Object.entries(snapshot[table])) this.put(table, id, value);
    }
    this.load(snapshot);
    this.#generation.value += 1;
    this.flush();
  }

  // -- Entities: what the fold sees ----------------------------------------------------------------

  get<K extends TableName>(table: K, id: string): Tables[K] | undefined {
    return this.#values.get(`${table}:${id}`) as Tables[K] | undefined;
  }

  put<K extends TableName>(table: K, id: string, value: Tables[K] | undefined): void {
    if (table === "posts") return this.#putPost(id, value as PostView);
    if (table === "communities" || table === "memberships") this.#remember(`ids:${table}`, id);
    this.#set(`${table}:${id}`, value);
  }

  newer(register: string, rev: number): boolean {
    const known = this.#revs.get(register) ?? 0;
    // Folding the tail again over an older view: what was applied before must be applied once more.
    if (this.#refolding ? rev < known : rev <= known) return false;
    this.#revs.set(register, rev);
    return true;
  }

  appeared(post: PostView): void {
    if (!this.#refolding) this.#arrivals.push(post);
  }

  /** Calls for what a frame could not tell; ``TapClient`` fetches it. */
  stale(name: string): void {
    for (const listener of this.#staleListeners) listener(name);
  }

  onStale(listener: (name: string) => void): void {
    this.#staleListeners.add(listener);
  }

  /** Lets the signals follow the values now. */
  flush(): void {
    if (this.#paused.value && !this.#urgent) return;
    this.#urgent = false;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    batch(() => {
      for (const key of this.#dirty) {
        const node = this.#nodes.get(key);
        if (node !== undefined) node.value = this.#values.get(key);
      }
      this.#dirty.clear();
      if (arrivals.length > 0) for (const listener of this.#listeners) listener(arrivals);
    });
  }

  // -- inside ------------------------------------------------------------------------------------

  #foldOne(frame: Frame): void {
    if (frame.t === "event") foldEvent(this, frame);
    else if (frame.of === "impact") this.#impact.value = frame.value;
    else if (frame.of === "case") this.#case.value = frame.value;
    else foldValue(this, frame);
  }

  /** Not even in what would be folded again; and at once, also on a screen that is paused. */
  #forget({ posts = [] }: Bodies["erasure.requested"]): void {
    const gone = new Set<unknown>(posts.map(({ post }) => post));
    this.#tail = this.#tail.filter((frame) => frame.t !== "event" || !gone.has(frame.body["post"]));
    this.#arrivals = this.#arrivals.filter(({ id }) => !gone.has(id));
    this.#urgent = true;
  }

  #refold(position: number): void {
    this.#refolding = true;
    for (const frame of this.#tail) if (frame.position > position) this.#foldOne(frame);
    this.#refolding = false;
  }

  #putPost(id: string, post: PostView): void {
    const old = this.#values.get(`posts:${id}`) as PostView | undefined;
    const { counts, ...text } = post;
    this.#values.set(`posts:${id}`, post);
    if (old === undefined || !sameBut(old, text)) this.#touch(`posts:${id}`);
    this.#set(`counts:${id}`, counts);
    if (!isRoot(post)) this.#remember(`replies:${post.root}`, id);
  }

  /** Adds an id to a list of ids; object ids begin with their time, so their order is that of time. */
  #remember(key: string, id: string): void {
    const known = (this.#values.get(key) as readonly string[] | undefined) ?? [];
    if (known.includes(id)) return;
    this.#set(key, [...known, id].toSorted());
  }

  #node<T>(key: string): Signal<T> {
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = signal(this.#values.get(key));
      this.#nodes.set(key, node);
    }
    return node as Signal<T>;
  }

  #set(key: string, value: unknown): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
    this.#touch(key);
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

function sameBut(old: PostView, text: Post): boolean {
  return (Object.keys(text) as (keyof Post)[]).every((key) => Object.is(old[key], text[key]));
}
