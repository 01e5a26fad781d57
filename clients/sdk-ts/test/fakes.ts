/** A machine turned by hand: its clock moves when told, its sockets say what a test lets them say. */

import type { ClientFrame, EventFrame, ServerFrame, ValueFrame, Welcome } from "../src/frames.ts";
import type { Host, SocketLike } from "../src/host.ts";
import { type PersonView, type PostView, NO_COUNTS, type Snapshot, UNDECIDED } from "../src/views.ts";

type Handlers = { open?: () => void; message?: (event: { data: unknown }) => void; close?: (event: { code: number; reason: string }) => void };

export class FakeSocket implements SocketLike {
  readyState = 0;
  closed = false;
  readonly sent: ClientFrame[] = [];
  readonly #handlers: Handlers = {};

  addEventListener(type: keyof Handlers, listener: never): void {
    this.#handlers[type] = listener;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientFrame);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  // -- the other side ----------------------------------------------------------------------------

  accept(): void {
    this.readyState = 1;
    this.#handlers.open?.();
  }

  says(frame: ServerFrame): void {
    this.#handlers.message?.({ data: JSON.stringify(frame) });
  }

  saysText(data: unknown): void {
    this.#handlers.message?.({ data });
  }

  breaks(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.#handlers.close?.({ code, reason });
  }

  /** Accepts and greets in one go. */
  greets(welcome: Partial<Welcome> = {}): void {
    this.accept();
    this.says(welcomeFrame(welcome));
  }
}

type Answering = (path: string, init: RequestInit) => Promise<Response>;

/** A node's event stream, written by the test; broken off when the client lets go of it. */
export class FakeStream {
  readonly posted: ClientFrame[] = [];
  readonly asked: { path: string; init: RequestInit }[] = [];
  refuse: { status: number; body: unknown } | null = null;
  #out: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(host: FakeHost) {
    host.answers["/api/v1/live/events"] = async (path: string, init: RequestInit) => this.#open(path, init);
    host.answers["/api/v1/live/frames"] = async (path: string, init: RequestInit) => this.#take(path, init);
  }

  says(...frames: ServerFrame[]): void {
    for (const frame of frames) this.raw(`data: ${JSON.stringify(frame)}\n\n`);
  }

  raw(text: string): void {
    this.#out?.enqueue(new TextEncoder().encode(text));
  }

  ends(): void {
    this.#out?.close();
  }

  #open(path: string, init: RequestInit): Response {
    this.asked.push({ path, init });
    const body = new ReadableStream<Uint8Array>({ start: (out) => { this.#out = out; } });
    init.signal?.addEventListener("abort", () => this.#out?.error(new Error("aborted")));
    return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
  }

  #take(path: string, init: RequestInit): Response {
    this.asked.push({ path, init });
    this.posted.push(JSON.parse(String(init.body)) as ClientFrame);
    return this.refuse === null ? new Response(null, { status: 202 }) : Response.json(this.refuse.body, { status: this.refuse.status });
  }
}

export class FakeHost implements Host {
  time = 1_000_000;
  /** What the machine's clock is off since somebody set it; timers do not notice. */
  clockOff = 0;
  luck = 0.5;
  readonly sockets: FakeSocket[] = [];
  readonly requests: { path: string; init: RequestInit }[] = [];
  /** By path: a value for JSON, a response, or a function that makes one. */
  answers: Record<string, unknown> = {};
  hasNetwork = true;
  networkName = "office";
  #timers: { at: number; work: () => void }[] = [];

  now(): number {
    return this.time + this.clockOff;
  }

  after(ms: number, work: () => void): () => void {
    const timer = { at: this.time + ms, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return this.luck;
  }

  socket(): FakeSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  async fetch(path: string, init: RequestInit): Promise<Response> {
    this.requests.push({ path, init });
    const answer = this.answers[path.split("?")[0] ?? ""];
    if (answer === undefined) throw new TypeError("network is down");
    if (typeof answer === "function") return (answer as Answering)(path, init);
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  }

  online(): boolean {
    return this.hasNetwork;
  }

  network(): string {
    return this.networkName;
  }

  /** Lets time pass; what falls due runs in its order, and what that starts, too. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.time = Math.max(this.time, due.at);
      due.work();
    }
    this.time = end;
  }
}

/** Lets promises that are ready run on: a task of its own comes after all of them. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}

export function welcomeFrame(parts: Partial<Welcome> = {}): Welcome {
  return {
    t: "welcome", cursor: "1a.10", epoch: 26, region: "in", person: "asha", server_time: 0, resume: "fresh", reason: null,
    channels: ["g", "u:asha"], ...parts,
  };
}

export function eventFrame(position: number, type: string, body: Record<string, unknown>, by = "bela"): EventFrame {
  return { t: "event", position, id: `in:1a:global:${position}`, type, at: 5_000 + position, by, channels: [], body };
}

export function valueFrame(position: number, id: string, counts: Partial<typeof NO_COUNTS>): ValueFrame {
  return { t: "value", of: "post", id, position, value: { ...NO_COUNTS, ...counts } };
}

export function person(id: string): PersonView {
  return {
    id, home: "in", name: id, title: "", unit: "", country: "", about: "", skills: [], locale: "en", timezone: "UTC",
    bot: false, active: true, roles: [],
  };
}

export function post(id: string, parts: Partial<PostView> = {}): PostView {
  return {
    id, kind: "update", place: "c:one", root: id, parent: "", author: "bela", at: 1, title: "", text: "hello", topics: [],
    mentions: [], lang: "", detail: null, attachments: [], rev: 1, edited_at: null, deleted: false, source: null, accepted: null,
    verified_by: [], idea: null, hidden: false, hidden_for: "", locked: false, pinned: false, counts: NO_COUNTS, ...parts,
  };
}

export function snapshot(parts: Partial<Snapshot> = {}): Snapshot {
  return {
    cursor: "1a.10", server_time: 1_000_000, region: "in", me: person("asha"), communities: {}, memberships: {},
    conversations: {}, choice: UNDECIDED, posts: {}, order: [], polls: {}, people: {},
    mine: { reactions: {}, ballots: {}, follows: [], acknowledged: [], read: {} }, ...parts,
  };
}
