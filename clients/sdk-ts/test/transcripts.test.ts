/**
 * The whole conversations of tests/vectors/client, with this SDK as the client.
 *
 * A ``client`` step is what a program wants; the SDK must say exactly that frame (its own name and numbers of
 * watches aside). What it says besides, such as the ping that goes before a rewind, the player answers.
 */

import { expect, test } from "vitest";

import { Connection, type Listener } from "../src/connection.ts";
import { Credentials } from "../src/credentials.ts";
import { type ClientFrame, type ServerFrame, cursorAt, cursorPosition } from "../src/frames.ts";
import { FakeHost, settled } from "./fakes.ts";

interface Step {
  client?: ClientFrame;
  node?: ServerFrame;
  closed?: number;
  break?: boolean;
  seconds?: number;
}

const found = import.meta.glob<{ steps: Step[] }>("../../../tests/vectors/client/transcript-*.json", { eager: true, import: "default" });

/** What the SDK has no way to say: nonsense, a frame before the greeting, no greeting, a cursor that is none. */
const NOT_OURS = new Set(["do-malformed", "hello-first", "hello-timeout", "reset-bad-cursor"]);

const stories = Object.entries(found)
  .map(([path, { steps }]) => ({ name: path.replace(/^.*transcript-|\.json$/gu, ""), steps }))
  .filter(({ name }) => !NOT_OURS.has(name));

class Player {
  readonly heard: number[] = [];
  readonly #host = new FakeHost();
  readonly #ids = new Map<number, number>();
  #connection = this.#connect(undefined);
  #said = 0;

  async play(step: Step): Promise<void> {
    if (step.client) await this.#client(step.client);
    if (step.node) this.#host.last.says(this.#numbered(step.node));
    if (step.closed) this.#host.last.breaks(step.closed);
    if (step.break) this.#host.last.breaks();
    // Only the clock: what the SDK would do by itself meanwhile is no part of the story.
    if (step.seconds) this.#host.time += step.seconds * 1000;
  }

  get cursor(): string | null {
    return this.#connection.cursor;
  }

  async #client(wanted: ClientFrame): Promise<void> {
    await this.#want(wanted);
    const said = this.#host.last.sent.slice(this.#said);
    this.#said = this.#host.last.sent.length;
    const besides = said.filter((frame) => frame.t === "ping" && wanted.t !== "ping");
    besides.forEach(() => this.#host.last.says({ t: "pong", server_time: 0 }));
    const frames = said.filter((frame) => !besides.includes(frame));
    expect(frames).toHaveLength(1);
    if (wanted.t === "watch") this.#ids.set(wanted.id, (frames[0] as typeof wanted).id);
    expect(plain(frames[0])).toEqual(plain(wanted));
  }

  async #want(wanted: ClientFrame): Promise<void> {
    const connection = this.#connection;
    switch (wanted.t) {
      case "hello":
        return this.#hello(wanted);
      case "watch":
        return connection.watch(wanted.channels, wanted.since ?? null);
      case "unwatch":
        return connection.unwatch(wanted.channels);
      case "background":
        return connection.attend("background");
      case "foreground":
        return connection.attend("visible");
      case "typing":
        connection.typed(wanted.channel);
        return connection.typing(wanted.channel);
      case "rewind":
        return connection.rewind(wanted.cursor);
      default:
        connection.send(wanted);
    }
  }

  /** A first connection, or the next one; without the cursor it would have: another run of the program. */
  async #hello(wanted: Extract<ClientFrame, { t: "hello" }>): Promise<void> {
    if (wanted.cursor === undefined || this.#connection.phase === "idle") this.#connection = this.#connect(wanted.token);
    if (this.#connection.phase === "idle") {
      if (wanted.cursor !== undefined) this.#connection.resumeFrom(wanted.cursor);
      if (wanted.channels !== undefined) this.#connection.watch(wanted.channels, null);
      this.#connection.start();
    } else {
      this.#connection.wake();
    }
    await settled();
    this.#said = 0;
    this.#host.last.accept();
  }

  /** The token is asked for once; when it ends, the story says what is said. */
  #connect(token: string | undefined): Connection {
    const listener: Listener = {
      phase: () => {},
      welcome: () => {},
      frame: (frame) => { if (frame.t === "event") this.heard.push(frame.position); },
      lost: () => {},
      stuck: () => {},
      signedOut: () => {},
    };
    let asked = false;
    const provider = (): Promise<string> => {
      const answer = asked ? new Promise<string>(() => {}) : Promise.resolve(token ?? "");
      asked = true;
      return answer;
    };
    return new Connection(this.#host, listener, "test/1", {
      credentials: new Credentials(this.#host, token === undefined ? null : provider),
    });
  }

  #numbered(frame: ServerFrame): ServerFrame {
    return frame.t === "watching" ? { ...frame, id: this.#ids.get(frame.id) ?? frame.id } : frame;
  }
}

function plain(frame: ClientFrame | undefined): object {
  const { client: _client, id: _id, ...rest } = { client: "", id: 0, ...frame };
  return rest;
}

/** The rule of section 6.1, on its own. */
function cursorAfter(steps: readonly Step[]): string | null {
  let cursor = steps.find(({ client }) => client?.t === "hello")?.client as { cursor?: string } | undefined;
  for (const { node } of steps) {
    if (node?.t === "mark" || node?.t === "reset") cursor = node;
    if (node?.t === "welcome" && (node.resume === "fresh" || node.resume === "reset")) cursor = node;
    if (node?.t === "event" && cursor?.cursor !== undefined && node.position > cursorPosition(cursor.cursor)) {
      cursor = { cursor: cursorAt(cursor.cursor, node.position) };
    }
  }
  return cursor?.cursor ?? null;
}

test("there are transcripts", () => {
  expect(stories.length).toBeGreaterThan(12);
});

test.each(stories)("$name", async ({ steps }) => {
  const player = new Player();
  // A conversation is played in its order.
  // oxlint-disable-next-line no-await-in-loop
  for (const step of steps) await player.play(step);
  expect(player.heard).toEqual(steps.flatMap(({ node }) => (node?.t === "event" ? [node.position] : [])));
  expect(player.cursor).toBe(cursorAfter(steps));
});
