import { beforeEach, describe, expect, test } from "vitest";

import { Connection, type Listener } from "../src/connection.ts";
import { Credentials, TokenRefused } from "../src/credentials.ts";
import type { ServerFrame, Welcome } from "../src/frames.ts";
import { MemoryShelf } from "../src/host.ts";
import { FakeHost, FakeStream, eventFrame, settled } from "./fakes.ts";

let host: FakeHost;
let connection: Connection;
let phases: string[];
let frames: ServerFrame[];
let welcomes: Welcome[];
let signedOut: number;
let stuck: number[];
/** Positions that cannot be applied, each as often as it stands here. */
let unusable: number[];

function reopened(): void {
  const before = host.sockets.length;
  for (let step = 0; host.sockets.length === before && step < 1_000; step += 1) host.pass(50);
}

beforeEach(() => {
  host = new FakeHost();
  phases = [];
  frames = [];
  welcomes = [];
  signedOut = 0;
  stuck = [];
  unusable = [];
  connection = new Connection(host, listener, "test/1");
});

const listener: Listener = {
  phase: (phase) => phases.push(phase),
  welcome: (welcome) => welcomes.push(welcome),
  frame: (frame) => {
    if (frame.t === "event" && unusable.includes(frame.position)) {
      unusable.splice(unusable.indexOf(frame.position), 1);
      throw new Error("cannot be applied");
    }
    frames.push(frame);
  },
  lost: () => {},
  stuck: ({ position }) => stuck.push(position),
  signedOut: () => { signedOut += 1; },
};

function live(): void {
  connection.resumeFrom("1a.10");
  connection.start();
  host.last.greets({ resume: "complete" });
  host.last.says({ t: "mark", cursor: "1a.10" });
}

function say(...positions: number[]): void {
  for (const position of positions) host.last.says(eventFrame(position, "x", {}));
}

const sentKinds = (): string[] => host.last.sent.map((frame) => frame.t);
const heard = (): number[] => frames.flatMap((frame) => (frame.t === "event" ? [frame.position] : []));

describe("greeting", () => {
  test("says hello first, with the cursor and the channels to resume", () => {
    connection.resumeFrom("1a.7");
    connection.start();
    host.last.greets({ resume: "complete" });
    connection.watch(["t:x"], "1a.7");
    host.last.says({ t: "watching", id: 1, channels: ["t:x"], refused: [] });
    host.last.breaks();
    connection.wake();
    host.last.accept();
    expect(host.last.sent).toEqual([{ t: "hello", client: "test/1", cursor: "1a.7", channels: ["t:x"] }]);
  });

  test("is live at once when nothing was missed by being new, and after the mark when catching up", () => {
    connection.start();
    host.last.greets({ resume: "fresh", cursor: "1a.30" });
    expect(connection.phase).toBe("live");
    expect(connection.cursor).toBe("1a.30");
    host.last.breaks();
    host.pass(1_000);
    host.last.greets({ resume: "paged", cursor: "1a.90" });
    expect(connection.phase).toBe("catching_up");
    host.last.says({ t: "mark", cursor: "1a.90" });
    expect(connection.phase).toBe("live");
  });

  test("nobody greets: gives up after three seconds and takes another transport", () => {
    connection.start();
    host.last.accept();
    host.pass(2_999);
    expect(connection.phase).toBe("greeting");
    host.pass(1);
    expect(host.sockets[0]?.closed).toBe(true);
    expect(connection.transport).toBe("events");
  });
});

describe("cursor", () => {
  test("moves over events handed on, never to the tip before they came", () => {
    connection.resumeFrom("1a.10");
    connection.start();
    host.last.greets({ resume: "paged", cursor: "1a.99" });
    expect(connection.cursor).toBe("1a.10");
    host.last.says(eventFrame(12, "x", {}));
    expect(connection.cursor).toBe("1a.12");
    host.last.breaks();
    host.pass(1_000);
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", cursor: "1a.12" });
  });

  test("a replayed thread does not move it past what the other channels still owe", () => {
    connection.resumeFrom("1a.10");
    connection.start();
    host.last.greets({ resume: "complete" });
    connection.watch(["t:x"], "1a.5");
    host.last.says({ ...eventFrame(8, "x", {}), channels: ["t:x"] });
    expect(connection.cursor).toBe("1a.10");
    expect(heard()).toEqual([8]);
    host.last.says({ t: "watching", id: 1, channels: ["t:x"], refused: [] });
    host.last.says(eventFrame(51, "x", {}));
    expect(connection.cursor).toBe("1a.51");
  });
});

describe("a watched thread", () => {
  const watch = { t: "watch", id: 1, channels: ["t:x"], since: "1a.5" };

  test("whose replay was cut off is replayed again from the same place", () => {
    connection.resumeFrom("1a.10");
    connection.start();
    host.last.greets({ resume: "complete" });
    connection.watch(["t:x"], "1a.5");
    expect(host.last.sent.at(-1)).toEqual(watch);
    host.last.breaks();
    connection.wake();
    host.last.greets({ resume: "complete" });
    expect(host.last.sent).toEqual([{ t: "hello", client: "test/1", cursor: "1a.10" }, { ...watch, id: 2 }]);
  });

  test("asked for offline is asked for once greeted", () => {
    connection.resumeFrom("1a.10");
    connection.watch(["t:x"], "1a.5");
    connection.start();
    host.last.greets({ resume: "complete" });
    expect(host.last.sent.at(-1)).toEqual({ ...watch, id: 2 });
  });

  test("that was refused, or left, is not asked for again", () => {
    connection.resumeFrom("1a.10");
    connection.start();
    host.last.greets({ resume: "complete" });
    connection.watch(["t:x"], "1a.5");
    host.last.says({ t: "watching", id: 1, channels: [], refused: [{ channel: "t:x", code: "forbidden" }] });
    connection.watch(["t:y"], "1a.5");
    connection.unwatch(["t:y"]);
    host.last.breaks();
    connection.wake();
    host.last.greets({ resume: "complete" });
    expect(host.last.sent).toEqual([{ t: "hello", client: "test/1", cursor: "1a.10" }]);
  });
});

describe("coming back", () => {
  test("waits longer each time, with luck deciding below the ceiling", () => {
    const waits: number[] = [];
    connection.start();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const from = host.time;
      host.last.greets();
      host.last.breaks();
      reopened();
      waits.push(host.time - from);
    }
    expect(waits).toEqual([750, 1250, 2250, 4250, 8250, 10_250, 10_250, 10_250]);
  });

  test("keeps to the time a stopping node names", () => {
    connection.start();
    host.last.greets();
    host.last.says({ t: "bye", code: 4503, reason: "stopping", retry_ms: 9_000 });
    host.last.breaks(4503);
    host.pass(9_499);
    expect(host.sockets).toHaveLength(1);
    host.pass(1);
    expect(host.sockets).toHaveLength(2);
  });

  test("a steady connection makes the next loss short again", () => {
    connection.start();
    for (let attempt = 0; attempt < 6; attempt += 1) {
      host.last.greets();
      host.last.breaks();
      reopened();
    }
    host.last.greets();
    host.pass(15_000);
    host.last.breaks();
    host.pass(750);
    expect(connection.phase).toBe("opening");
  });

  test("does not wait once the network is back", () => {
    connection.start();
    host.last.breaks();
    connection.wake();
    expect(connection.phase).toBe("opening");
    expect(host.sockets).toHaveLength(2);
  });

  test("being signed out stops it", () => {
    connection.start();
    host.last.greets();
    host.last.breaks(4401);
    host.pass(60_000);
    expect(signedOut).toBe(1);
    expect(host.sockets).toHaveLength(1);
    expect(connection.phase).toBe("stopped");
  });

  test("a socket let go of is not heard any more", () => {
    connection.start();
    const old = host.last;
    old.greets();
    connection.stop();
    old.says(eventFrame(70, "x", {}));
    old.breaks();
    expect(frames).toHaveLength(0);
    expect(connection.phase).toBe("stopped");
  });
});

describe("silence", () => {
  test("is noticed also when the clock was set back meanwhile", () => {
    connection.start();
    host.last.greets();
    host.clockOff = -3_600_000;
    host.pass(30_000);
    expect(host.last.sent.at(-1)).toEqual({ t: "ping" });
    host.pass(10_000);
    expect(connection.phase).toBe("waiting");
  });

  test("asks after 30 quiet seconds and gives up 10 later", () => {
    connection.start();
    host.last.greets();
    host.pass(29_999);
    expect(host.last.sent.filter((frame) => frame.t === "ping")).toHaveLength(0);
    host.pass(1);
    expect(host.last.sent.at(-1)).toEqual({ t: "ping" });
    host.pass(10_000);
    expect(connection.phase).toBe("waiting");
  });

  test("any word counts as alive", () => {
    connection.start();
    host.last.greets();
    for (let minute = 0; minute < 5; minute += 1) {
      host.pass(29_000);
      host.last.says(eventFrame(20 + minute, "x", {}));
    }
    expect(host.last.sent.filter((frame) => frame.t === "ping")).toHaveLength(0);
    host.pass(30_000);
    host.last.says({ t: "pong", server_time: 0 });
    host.pass(20_000);
    expect(connection.phase).toBe("live");
  });

  test("after sleep it asks with little patience", () => {
    connection.start();
    host.last.greets();
    connection.wake();
    host.pass(3_000);
    expect(connection.phase).toBe("waiting");
  });
});

test("what is no frame is passed over", () => {
  connection.start();
  host.last.greets();
  for (const junk of ["", "{", "[]", "null", "7", '{"t":3}', new ArrayBuffer(2)]) host.last.saysText(junk);
  expect(connection.phase).toBe("live");
  expect(frames).toHaveLength(0);
});

test("sends nothing before the welcome", () => {
  connection.start();
  host.last.accept();
  expect(connection.send({ t: "ping" })).toBe(false);
  host.last.greets();
  expect(connection.send({ t: "ping" })).toBe(true);
});

describe("an event that cannot be applied", () => {
  test("is asked for again in place; what was on its way is heard once, in order", () => {
    live();
    unusable = [12];
    say(11, 12, 13);
    expect(host.last.sent.slice(-2)).toEqual([{ t: "ping" }, { t: "rewind", cursor: "1a.11" }]);
    expect(connection.cursor).toBe("1a.11");
    host.last.says({ t: "pong", server_time: 0 });
    say(12, 13);
    host.last.says({ t: "mark", cursor: "1a.13" });
    expect(heard()).toEqual([11, 12, 13]);
    expect(connection.phase).toBe("live");
    expect(host.sockets).toHaveLength(1);
  });

  test("fails again: it is told, and passed over", () => {
    live();
    unusable = [11, 11];
    say(11);
    host.last.says({ t: "pong", server_time: 0 });
    say(11, 12);
    expect(stuck).toEqual([11]);
    expect(heard()).toEqual([12]);
    expect(connection.cursor).toBe("1a.12");
  });

  test("and whose replay is not what was asked for is fetched by a new connection", () => {
    live();
    unusable = [11];
    say(11, 12);
    host.last.says({ t: "pong", server_time: 0 });
    say(13);
    expect(connection.phase).toBe("waiting");
    reopened();
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", cursor: "1a.10" });
  });
});

describe("credentials", () => {
  let given: (string | Error)[];
  let asked: number;

  const provider = async (): Promise<string> => {
    asked += 1;
    const next = given.shift();
    if (next === undefined) throw new TokenRefused("no more");
    if (typeof next !== "string") throw next;
    return next;
  };

  beforeEach(() => {
    given = [];
    asked = 0;
    connection = new Connection(host, listener, "test/1", { credentials: new Credentials(host, provider) });
  });

  test("are asked for before the first connection", async () => {
    given = ["one"];
    connection.start();
    expect(connection.phase).toBe("renewing");
    expect(host.sockets).toHaveLength(0);
    await settled();
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", token: "one" });
  });

  test("that are about to end are renewed before connecting, by the node's clock", async () => {
    given = ["one", "two"];
    connection.start();
    await settled();
    host.last.greets({ server_time: host.time + 500_000, expires_at: host.time + 500_000 + 80_000 });
    host.pass(20_000);
    host.last.breaks(4409);
    host.pass(1_000);
    await settled();
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", token: "two" });
    expect(asked).toBe(2);
  });

  test("that were refused are never shown again", async () => {
    given = ["one", "one"];
    connection.start();
    await settled();
    host.last.accept();
    host.last.breaks(4401, "expired");
    host.pass(1_000);
    await settled();
    expect(host.sockets).toHaveLength(1);
    expect([connection.phase, signedOut]).toEqual(["stopped", 1]);
  });

  test("that the node never heard of were not refused", async () => {
    given = ["one", "two", "two"];
    connection.start();
    await settled();
    host.last.greets({ server_time: host.time, expires_at: host.time + 90_000 });
    host.last.says({ t: "expiring", expires_at: host.time + 90_000 });
    await settled();
    host.last.breaks(4401, "expired");
    host.pass(1_000);
    await settled();
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", token: "two" });
    expect([asked, signedOut]).toEqual([2, 0]);
  });

  test("are asked for again when whoever gives them cannot be reached", async () => {
    given = [new TypeError("network is down"), "one"];
    connection.start();
    await settled();
    expect(connection.phase).toBe("waiting");
    host.pass(750);
    await settled();
    expect(host.sockets).toHaveLength(1);
  });

  test("are renewed in place when the node says that they end, once however often it says so", async () => {
    given = ["one", "two"];
    connection.start();
    await settled();
    host.last.greets({ server_time: host.time, expires_at: host.time + 90_000 });
    host.pass(30_000);
    host.last.says({ t: "expiring", expires_at: host.time + 60_000 });
    host.last.says({ t: "expiring", expires_at: host.time + 60_000 });
    await settled();
    expect(host.last.sent.filter((frame) => frame.t === "token")).toEqual([{ t: "token", token: "two" }, { t: "token", token: "two" }]);
    expect(asked).toBe(2);
    host.last.says({ t: "renewed", expires_at: host.time + 900_000 });
    host.last.breaks(1006);
    host.pass(1_000);
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ token: "two" });
  });

  test("that cannot be renewed in place yet are asked for again", async () => {
    given = ["one", new TypeError("network is down"), "two"];
    connection.start();
    await settled();
    host.last.greets();
    host.last.says({ t: "expiring", expires_at: host.time + 60_000 });
    await settled();
    host.pass(750);
    await settled();
    expect(host.last.sent.at(-1)).toEqual({ t: "token", token: "two" });
  });
});

describe("attention", () => {
  test("a page behind others keeps its connection, and comes back spread over the whole range", () => {
    connection.start();
    host.last.greets();
    connection.attend("hidden");
    expect(sentKinds()).toEqual(["hello"]);
    host.last.breaks();
    connection.wake();
    host.pass(10_249);
    expect(host.sockets).toHaveLength(1);
    host.pass(1);
    expect(host.sockets).toHaveLength(2);
  });

  test("looked at again it does not wait", () => {
    connection.start();
    connection.attend("hidden");
    host.last.greets();
    host.last.breaks();
    connection.attend("visible");
    expect(host.sockets).toHaveLength(2);
  });

  test("a device that puts us aside: the node is told, nothing is asked, and a lost connection stays lost", () => {
    connection.start();
    host.last.greets();
    connection.attend("background");
    expect(host.last.sent.at(-1)).toEqual({ t: "background" });
    host.pass(120_000);
    expect(sentKinds()).toEqual(["hello", "background"]);
    host.last.breaks();
    host.pass(3_600_000);
    expect([connection.phase, host.sockets.length]).toEqual(["asleep", 1]);
    connection.attend("visible");
    expect(host.sockets).toHaveLength(2);
  });

  test("back in front it says so and probes with three seconds' patience", () => {
    connection.start();
    host.last.greets();
    connection.attend("background");
    connection.attend("visible");
    expect(host.last.sent.slice(-2)).toEqual([{ t: "foreground" }, { t: "ping" }]);
    host.pass(3_000);
    expect(connection.phase).toBe("waiting");
  });

  test("a connection made meanwhile is put aside at its welcome", () => {
    connection.start();
    connection.attend("background");
    host.last.greets();
    expect(sentKinds()).toEqual(["hello", "background"]);
  });
});

describe("typing", () => {
  test("is said every three seconds, and again at once for the next text", () => {
    connection.start();
    host.last.greets();
    const said = (): number => host.last.sent.filter((frame) => frame.t === "typing").length;
    connection.typing("t:x");
    connection.typing("t:x");
    expect(said()).toBe(1);
    host.pass(3_000);
    connection.typing("t:x");
    expect(said()).toBe(2);
    connection.typed("t:x");
    connection.typing("t:x");
    expect(said()).toBe(3);
  });
});

test("typing is said again soon after the clock was set back", () => {
  connection.start();
  host.last.greets();
  const said = (): number => host.last.sent.filter((frame) => frame.t === "typing").length;
  connection.typing("t:x");
  host.clockOff = -3_600_000;
  connection.typing("t:x");
  expect(said()).toBe(2);
  connection.typing("t:x");
  expect(said()).toBe(2);
});

describe("another transport", () => {
  let stream: FakeStream;
  let shelf: MemoryShelf;

  const overStream = async (): Promise<void> => {
    connection.start();
    host.pass(3_000);
    await settled();
    stream.says({ t: "stream", id: "s 1" }, { t: "welcome", cursor: "1a.10", epoch: 26, region: "in", person: "asha", server_time: 0, resume: "fresh", reason: null, channels: ["g"] });
    await settled();
  };

  beforeEach(() => {
    stream = new FakeStream(host);
    shelf = new MemoryShelf();
    connection = new Connection(host, listener, "test/1", { shelf });
  });

  test("is taken after two connections that were cut off before the welcome", async () => {
    connection.start();
    host.last.breaks();
    reopened();
    host.last.breaks();
    host.pass(1_250);
    await settled();
    expect(connection.transport).toBe("events");
    expect(stream.asked).toHaveLength(1);
  });

  test("is not to blame when the machine knows that it is offline, or when the node said no", () => {
    connection.start();
    host.hasNetwork = false;
    for (let count = 0; count < 4; count += 1) {
      host.last.breaks();
      reopened();
    }
    host.hasNetwork = true;
    for (let count = 0; count < 4; count += 1) {
      host.last.accept();
      host.last.breaks(4409);
      reopened();
    }
    expect(connection.transport).toBe("websocket");
  });

  test("carries the same frames, and posts what the client says in order", async () => {
    await overStream();
    expect(connection.phase).toBe("live");
    connection.watch(["t:x"], "1a.5");
    connection.send({ t: "ping" });
    await settled();
    expect(stream.posted.map((frame) => frame.t)).toEqual(["watch", "ping"]);
    expect(stream.asked.at(-1)?.path).toBe("/api/v1/live/frames?stream=s%201");
    stream.says(eventFrame(11, "x", {}));
    await settled();
    expect(heard()).toEqual([11]);
  });

  test("resumes from the cursor, and a comment in the stream is a sign of life", async () => {
    await overStream();
    stream.says(eventFrame(11, "x", {}));
    await settled();
    host.pass(25_000);
    stream.raw(": still here\n");
    await settled();
    host.pass(25_000);
    expect(stream.posted).toHaveLength(0);
    stream.ends();
    await settled();
    host.pass(750);
    await settled();
    expect(stream.asked.at(-1)?.path).toBe("/api/v1/live/events?cursor=1a.11");
  });

  test("is remembered for its network, for a day, and the websocket is tried in between", async () => {
    await overStream();
    const later = new Connection(host, listener, "test/1", { shelf });
    await later.recall();
    expect(later.transport).toBe("events");
    host.networkName = "home";
    await later.recall();
    expect(later.transport).toBe("websocket");
    const before = host.sockets.length;
    stream.raw(": here\n");
    await settled();
    host.pass(20_000);
    stream.raw(": here\n");
    await settled();
    host.pass(20_000);
    stream.raw(": here\n");
    await settled();
    host.pass(20_000);
    expect(host.sockets).toHaveLength(before + 1);
    host.last.greets({ resume: "complete" });
    expect(connection.transport).toBe("websocket");
  });

  test("a command that cannot be posted is answered by its refusal", async () => {
    await overStream();
    const error = { code: "rate_limited", message: "later", retry: true };
    stream.refuse = { status: 429, body: { error } };
    connection.send({ t: "do", key: "k", command: { do: "post.delete", post: "x" } });
    await settled();
    expect(frames.at(-1)).toEqual({ t: "done", key: "k", ok: false, error });
  });

  test.each([[502, 0], [429, 7_500]])("a command that something before the node answers with %d waits for another stream", async (status, wait) => {
    await overStream();
    host.answers["/api/v1/live/frames"] = new Response("<html>", { status, headers: wait > 0 ? { "retry-after": "7" } : {} });
    const before = frames.length;
    connection.send({ t: "do", key: "k", command: { do: "post.delete", post: "x" } });
    await settled();
    expect([connection.phase, frames.length]).toEqual(["waiting", before]);
    expect(connection.retryMs).toBeGreaterThanOrEqual(wait);
  });

  test("a stream that the node has lost is opened anew; a refused token signs out", async () => {
    await overStream();
    stream.refuse = { status: 404, body: {} };
    connection.send({ t: "ping" });
    await settled();
    expect(connection.phase).toBe("waiting");
    host.answers["/api/v1/live/events"] = new Response(null, { status: 401 });
    host.pass(1_000);
    await settled();
    expect([connection.phase, signedOut]).toEqual(["stopped", 1]);
  });
});
