/** One signed-in person on one node: connection, store and outbox working together. */

import { type ReadonlySignal, type Signal, computed, signal } from "@preact/signals-core";

import { Api, ApiError } from "./api.ts";
import { backoff } from "./backoff.ts";
import type { Command } from "./commands.ts";
import { Company } from "./company.ts";
import type { Transport } from "./choice.ts";
import { Connection } from "./connection.ts";
import { Credentials, type TokenProvider, isFinal } from "./credentials.ts";
import type { Bodies } from "./events.ts";
import type { EventFrame, ServerFrame, ValueFrame, Welcome } from "./frames.ts";
import type { Host, Shelf } from "./host.ts";
import { Names } from "./names.ts";
import { type Outcome, Outbox } from "./outbox.ts";
import type { Attention, Phase, Why } from "./phase.ts";
import { Store } from "./store.ts";
import { View } from "./view.ts";
import type { Bundle, Snapshot } from "./views.ts";

export interface ClientOptions {
  host: Host;
  shelf: Shelf;
  /** Runs work at the next frame of the screen. */
  schedule: (flush: () => void) => void;
  /** Name and version of the program, for the node's log. */
  name: string;
  signedOut: () => void;
  /** Gives device tokens; a browser page is known by its cookie and needs none. */
  token?: TokenProvider;
  /** Hears of what the store could not apply; it has been mended by then. */
  failed?: (error: unknown) => void;
}

/** How the connection is, for people: by what, what it waits for, and how long from this change on. */
export interface Status {
  phase: Phase;
  why: Why;
  transport: Transport;
  retryMs: number;
}

const UNKNOWN: Status = { phase: "idle", why: "", transport: "websocket", retryMs: 0 };

export class TapClient {
  readonly api: Api;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly view: View;
  readonly company: Company;
  readonly #host: Host;
  readonly #shelf: Shelf;
  readonly #connection: Connection;
  readonly #names: Names;
  readonly #failed: (error: unknown) => void;
  readonly #signedOut: () => void;
  readonly #status: Signal<Status> = signal(UNKNOWN);
  readonly #phase: ReadonlySignal<Phase> = computed(() => this.#status.value.phase);
  readonly #watchers = new Map<string, number>();
  /** Server's clock minus ours, so that "3 minutes ago" is true on a machine whose clock is not. */
  #clockAhead = 0;
  /** Snapshots asked for so far: only the newest is asked for again. */
  #refreshes = 0;

  /** Takes a snapshot (throws ``ApiError``), restores the outbox and connects. */
  static async open(options: ClientOptions): Promise<TapClient> {
    const credentials = new Credentials(options.host, options.token ?? null);
    if (credentials.due) await credentials.renew();
    const api = new Api(options.host, () => credentials.token);
    const snapshot = await api.get<Snapshot>("/sync");
    const client = new TapClient(options, api, credentials, snapshot);
    await client.outbox.restore();
    await client.#connection.recall();
    client.#connection.start();
    return client;
  }

  private constructor(options: ClientOptions, api: Api, credentials: Credentials, snapshot: Snapshot) {
    this.#host = options.host;
    this.#failed = options.failed ?? (() => {});
    this.#signedOut = options.signedOut;
    this.#shelf = options.shelf;
    this.api = api;
    this.store = new Store(options.schedule);
    this.#names = new Names(options.host, api, this.store);
    const listener = {
      phase: (phase: Phase, why: Why) => this.#became(phase, why),
      welcome: (frame: Welcome) => this.#welcomed(frame),
      frame: (frame: ServerFrame) => this.#receive(frame),
      lost: (code: number, reason: string) => this.#lost(code, reason),
      stuck: (_event: EventFrame, error: unknown) => this.#stuck(error),
      signedOut: options.signedOut,
    };
    this.#connection = new Connection(options.host, listener, options.name, { credentials, shelf: options.shelf });
    this.company = new Company(options.host, {
      watch: (channels) => this.#connection.watch(channels, null),
      unwatch: (channels) => this.#connection.unwatch(channels),
    });
    const wire = { send: (key: string, command: Command) => this.#connection.send({ t: "do", key, command }) };
    this.outbox = new Outbox(options.host, options.shelf, wire, snapshot.me.id);
    this.view = new View(this.store, this.outbox, this.#names);
    this.store.onStale((name) => this.#fetchAnew(name));
    this.#take(snapshot);
  }

  get phase(): ReadonlySignal<Phase> {
    return this.#phase;
  }

  get status(): ReadonlySignal<Status> {
    return this.#status;
  }

  /** UTC milliseconds by the server's clock. */
  now(): number {
    return this.#host.now() + this.#clockAhead;
  }

  do(command: Command, before?: unknown): Promise<Outcome> {
    return this.outbox.submit(command, before);
  }

  /** Fetches a page into the store; the answer is the page as it came. */
  async load<T extends Partial<Bundle> & { cursor: string }>(path: string, query?: Record<string, string | number | undefined>): Promise<T> {
    const page = await this.api.get<T>(path, query);
    this.store.load(page);
    return page;
  }

  /** Wants a channel's events while somebody looks; ``since``: the cursor of what they look at. */
  watch(channel: string, since: string): () => void {
    const watchers = this.#watchers.get(channel) ?? 0;
    this.#watchers.set(channel, watchers + 1);
    this.#connection.watch([channel], since);
    return () => this.#unwatch(channel);
  }

  /** Says that the person types in a thread or conversation; to be called at every key. */
  typing(channel: string): void {
    this.#connection.typing(channel);
  }

  /** What they typed there is sent or thrown away. */
  typed(channel: string): void {
    this.#connection.typed(channel);
  }

  /** The machine woke, or the page is looked at again. */
  wake(): void {
    this.#connection.wake();
  }

  /** The network came back or is another one now. */
  networkChanged(): Promise<void> {
    return this.#connection.networkChanged();
  }

  /** Whether somebody looks; ``background`` when the device puts the page aside. */
  attend(attention: Attention): void {
    this.#connection.attend(attention);
  }

  /** Stops; after signing out nothing of the person stays on the shelf but what they have not sent. */
  close(): void {
    this.#refreshes += 1;
    this.#connection.stop();
  }

  #unwatch(channel: string): void {
    const watchers = (this.#watchers.get(channel) ?? 1) - 1;
    if (watchers > 0) {
      this.#watchers.set(channel, watchers);
      return;
    }
    this.#watchers.delete(channel);
    this.#connection.unwatch([channel]);
  }

  #became(phase: Phase, why: Why): void {
    const { transport, retryMs } = this.#connection;
    this.#status.value = { phase, why, transport, retryMs };
  }

  #lost(code: number, reason: string): void {
    this.outbox.lost(code, reason);
    this.company.forget();
  }

  #stuck(error: unknown): void {
    this.#failed(error);
    void this.#refresh();
  }

  #welcomed(frame: Welcome): void {
    if (frame.person !== "" && frame.person !== this.store.me) return this.#notMe();
    if (frame.server_time > 0) this.#clockAhead = frame.server_time - this.#host.now();
    this.outbox.opened();
    if (frame.resume === "reset") this.store.cut(frame.cursor);
    if (frame.resume === "reset" || this.#placesDiffer(frame.channels)) void this.#refresh();
  }

  /**
   * The credentials are somebody else's by now: another page of this browser signed in anew, and the cookie is shared.
   * What this person has not sent must not go out in that name; it stays on the shelf.
   */
  #notMe(): void {
    this.close();
    this.#signedOut();
  }

  /** Events about a place are not sent to those who left it: the welcome says which are one's own now. */
  #placesDiffer(channels: readonly string[]): boolean {
    const now = channels.filter((channel) => channel.startsWith("c:"));
    const had = (this.store.ids("communities").value ?? []).filter((id) => this.view.belongs(id));
    return channels.length > 0 && (now.length !== had.length || had.some((id) => !now.includes(`c:${id}`)));
  }

  #receive(frame: ServerFrame): void {
    switch (frame.t) {
      case "event": {
        const changes = this.#changesPlaces(frame);
        this.store.apply(frame);
        this.company.wrote(frame.by, frame.channels ?? []);
        if (changes) void this.#refresh();
        break;
      }
      case "value":
        this.#value(frame);
        break;
      case "typing":
        this.company.typed(frame, this.store.me);
        break;
      case "watching":
        // Too long ago to be replayed: what is on the screen is fetched anew.
        if (frame.refused.some(({ code }) => code === "gone" || code === "bad_cursor")) void this.#refresh();
        break;
      case "done":
        this.outbox.answered(frame);
        break;
      case "mark":
        void this.#shelf.set(`cursor:${this.store.me}`, frame.cursor).catch(() => {});
        break;
      case "reset":
        this.store.cut(frame.cursor);
        void this.#refresh();
        break;
      default:
    }
  }

  #value(frame: ValueFrame): void {
    if (frame.of === "presence") this.company.present(frame);
    else this.store.apply(frame);
  }

  /** One's own coming and going changes which posts one is shown; so does whom a community is open to that one wished to join. */
  #changesPlaces({ type, body }: EventFrame): boolean {
    if (type === "community.changed") {
      const { community, settings } = body as unknown as Bodies["community.changed"];
      const { joined, role } = this.store.get("memberships", community) ?? { joined: false, role: "none" };
      // One that is not known here is private as yet.
      const before = this.store.get("communities", community)?.visibility ?? "private";
      return joined && role === "none" && before !== (settings.visibility ?? "open");
    }
    return (type === "membership.changed" || type === "community.role_changed") && body["person"] === this.store.me;
  }

  #fetchAnew(name: string): void {
    const id = name.slice(name.indexOf(":") + 1);
    if (name.startsWith("person:")) this.#names.askPerson(id);
    else void this.#fetchPost(id);
  }

  async #fetchPost(id: string): Promise<void> {
    await this.load(`/posts/${id}`).catch(() => {});
  }

  /**
   * The node cannot tell what we missed: start over from a snapshot, and keep watching from there. Asked for until
   * it is there: our place is past what is missing already, so no welcome will say again that something is.
   */
  async #refresh(attempt = 0): Promise<void> {
    this.#refreshes += 1;
    const mine = this.#refreshes;
    try {
      const snapshot = await this.api.get<Snapshot>("/sync");
      if (snapshot.me.id === this.store.me) this.#take(snapshot);
      else if (mine === this.#refreshes) this.#notMe();
    } catch (error) {
      if (!(error instanceof ApiError) || isFinal(error)) return;
      this.#host.after(backoff(attempt, 0, this.#host.random()), () => {
        if (mine === this.#refreshes) void this.#refresh(attempt + 1);
      });
    }
  }

  #take(snapshot: Snapshot): void {
    this.#clockAhead = snapshot.server_time - this.#host.now();
    this.#names.forget();
    this.store.replace(snapshot);
    this.#connection.resumeFrom(snapshot.cursor);
  }
}
