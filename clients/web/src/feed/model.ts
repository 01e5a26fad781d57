/**
 * One list of posts: what is shown, what came live since and waits above it, and where older ones begin.
 * Nothing enters the shown list from above unless the reader asks, or wrote it.
 */

import { type Bundle, type PostView, type TapClient, type View, isRoot } from "@tap/sdk";
import { type ReadonlySignal, signal } from "@preact/signals";

export interface FeedSource {
  /** Names the list; the same key gives the same list again when the reader comes back. */
  key: string;
  path: string;
  query: Record<string, string>;
  /** Whether a post that came live belongs here, as ``path`` would list it: it is asked wherever the reader is. */
  accepts: (post: PostView, view: View) => boolean;
  /** A channel to watch beside what the person always gets. */
  channel?: string;
}

type Page = Bundle & { next: string | null };

export class Feed {
  readonly #client: TapClient;
  readonly source: FeedSource;
  readonly #shown = signal<readonly string[] | null>(null);
  readonly #waiting = signal<readonly string[]>([]);
  readonly #next = signal<string | null>(null);
  readonly #busy = signal(false);
  /** What came live while a first page was on its way, for each that is: the page may be older. */
  readonly #late = new Set<PostView[]>();
  #generation = -1;
  cursor = "";

  constructor(client: TapClient, source: FeedSource) {
    this.#client = client;
    this.source = source;
  }

  /** Null until the first page is here. */
  get shown(): ReadonlySignal<readonly string[] | null> { return this.#shown; }
  get waiting(): ReadonlySignal<readonly string[]> { return this.#waiting; }
  get more(): ReadonlySignal<string | null> { return this.#next; }
  get busy(): ReadonlySignal<boolean> { return this.#busy; }

  /** Fetches the first page unless it is here already and still true. Throws ApiError. */
  async open(): Promise<void> {
    const generation = this.#client.store.generation.value;
    if (this.#generation === generation) return;
    const late: PostView[] = [];
    this.#late.add(late);
    const page = await this.#client.load<Page>(this.source.path, this.source.query).finally(() => this.#late.delete(late));
    this.#generation = generation;
    this.cursor = page.cursor;
    this.#shown.value = worthShowing(page);
    this.#waiting.value = [];
    this.#next.value = page.next;
    this.arrived(late);
  }

  async older(): Promise<void> {
    const before = this.#next.value;
    if (before === null || this.#busy.value) return;
    this.#busy.value = true;
    try {
      const page = await this.#client.load<Page>(this.source.path, { ...this.source.query, before });
      // Opened anew meanwhile, the list ends elsewhere: this page would leave a gap.
      if (this.#next.value !== before) return;
      const known = new Set(this.#shown.value);
      this.#shown.value = [...(this.#shown.value ?? []), ...worthShowing(page).filter((id) => !known.has(id))];
      this.#next.value = page.next;
    } finally {
      this.#busy.value = false;
    }
  }

  /** Posts that came live: own ones stand at once, others wait for the reader, if there is anything to read. */
  arrived(posts: readonly PostView[]): void {
    for (const late of this.#late) late.push(...posts);
    const known = new Set([...(this.#shown.value ?? []), ...this.#waiting.value]);
    const fresh = posts.filter((post) => isRoot(post) && !known.has(post.id) && this.source.accepts(post, this.#client.view)).toReversed();
    const own = fresh.filter((post) => post.author === this.#client.view.me).map((post) => post.id);
    const others = fresh.filter((post) => post.author !== this.#client.view.me).map((post) => post.id);
    if (this.#shown.value?.length === 0) this.#shown.value = fresh.map((post) => post.id);
    else this.#arrivedAbove(own, others);
  }

  #arrivedAbove(own: readonly string[], others: readonly string[]): void {
    if (own.length > 0 && this.#shown.value !== null) this.#shown.value = [...own, ...this.#shown.value];
    if (others.length > 0) this.#waiting.value = [...others, ...this.#waiting.value];
  }

  /** Puts what waited on top. */
  show(): void {
    this.#shown.value = [...this.#waiting.value, ...(this.#shown.value ?? [])];
    this.#waiting.value = [];
  }
}

/** A withdrawn post stands in a list only for the sake of what others wrote below it. */
function worthShowing({ order, posts }: Page): string[] {
  return order.filter((id) => !posts[id]?.deleted || posts[id].counts.replies > 0);
}

const feeds = new WeakMap<TapClient, Map<string, Feed>>();

/**
 * The list of that name, kept while the person stays signed in, so that coming back finds it as it was. It hears of
 * posts also while the reader is elsewhere: they wait above it then.
 */
export function feedOf(client: TapClient, source: FeedSource): Feed {
  const known = feeds.get(client) ?? new Map<string, Feed>();
  feeds.set(client, known);
  const feed = known.get(source.key) ?? listening(client, source);
  known.set(source.key, feed);
  return feed;
}

function listening(client: TapClient, source: FeedSource): Feed {
  const feed = new Feed(client, source);
  client.store.onArrival((posts) => feed.arrived(posts));
  return feed;
}
