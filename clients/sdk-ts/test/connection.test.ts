import { beforeEach, describe, expect, test } from "vitest";

import { Connection, type Listener } from "../src/connection.ts";
import type { ServerFrame, Welcome } from "../src/frames.ts";
import { FakeHost, eventFrame } from "./fakes.ts";

let host: FakeHost;
let connection: Connection;
let phases: string[];
let frames: ServerFrame[];
let welcomes: Welcome[];
let signedOut: number;

function reopened(): void {
  const before = host.sockets.length;
  while (host.sockets.length === before) host.pass(50);
}

beforeEach(() => {
  host = new FakeHost();
  phases = [];
  frames = [];
  welcomes = [];
  signedOut = 0;
  const listener: Listener = {
    phase: (phase) => phases.push(phase),
    welcome: (welcome) => welcomes.push(welcome),
    frame: (frame) => frames.push(frame),
    signedOut: () => { signedOut += 1; },
  };
  connection = new Connection(host, listener, "test/1");
});

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
    host.pass(30_000);
    host.last.greets({ resume: "paged", cursor: "1a.90" });
    expect(connection.phase).toBe("catching_up");
    host.last.says({ t: "mark", cursor: "1a.90" });
    expect(connection.phase).toBe("live");
  });

  test("nobody greets: gives up and comes back", () => {
    connection.start();
    host.last.accept();
    host.pass(10_000);
    expect(connection.phase).toBe("waiting");
    expect(host.sockets[0]?.closed).toBe(true);
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
    host.pass(30_000);
    host.last.accept();
    expect(host.last.sent[0]).toMatchObject({ t: "hello", cursor: "1a.12" });
  });

  test("a replayed thread does not move it past what the other channels still owe", () => {
    connection.resumeFrom("1a.10");
    connection.start();
    host.last.greets({ resume: "complete" });
    connection.watch(["t:x"], "1a.5");
    host.last.says(eventFrame(50, "x", {}));
    expect(connection.cursor).toBe("1a.10");
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
    expect(host.last.sent).toEqual([{ t: "hello", client: "test/1", cursor: "1a.10" }, watch]);
  });

  test("asked for offline is asked for once greeted", () => {
    connection.resumeFrom("1a.10");
    connection.watch(["t:x"], "1a.5");
    connection.start();
    host.last.greets({ resume: "complete" });
    expect(host.last.sent.at(-1)).toEqual(watch);
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
      host.last.breaks();
      reopened();
      waits.push(host.time - from);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  });

  test("keeps to the time a stopping node names", () => {
    connection.start();
    host.last.greets();
    host.last.says({ t: "bye", code: 4503, reason: "stopping", retry_ms: 9_000 });
    host.last.breaks(4503);
    host.pass(8_900);
    expect(host.sockets).toHaveLength(1);
    host.pass(100);
    expect(host.sockets).toHaveLength(2);
  });

  test("a steady connection makes the next loss short again", () => {
    connection.start();
    for (let attempt = 0; attempt < 6; attempt += 1) {
      host.last.breaks();
      reopened();
    }
    host.last.greets();
    host.pass(15_000);
    host.last.breaks();
    host.pass(500);
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
