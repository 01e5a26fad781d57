import { beforeEach, expect, test } from "vitest";

import type { ServerFrame } from "../src/frames.ts";
import type { End } from "../src/link.ts";
import { PollLink } from "../src/link-poll.ts";
import { POST_MS_MAX } from "../src/link-requests.ts";
import { FakeHost, eventFrame, settled, valueFrame } from "./fakes.ts";

interface Asked {
  query: URLSearchParams;
  answer: (body: unknown, status?: number) => void;
}

let host: FakeHost;
let link: PollLink;
let asked: Asked[];
let frames: ServerFrame[];
let ends: End[];

const on = (position: number, ...channels: string[]): object => ({ ...eventFrame(position, "x", {}), channels });
const page = (cursor: string, parts: object = {}): object => ({ cursor, events: [], values: [], more: false, channels: ["g", "u:asha"], refused: [], ...parts });
const kinds = (): string[] => frames.map((frame) => (frame.t === "event" ? `event ${frame.position}` : frame.t));

async function answer(body: unknown, status?: number): Promise<void> {
  asked.at(-1)?.answer(body, status);
  await settled();
}

beforeEach(() => {
  host = new FakeHost();
  asked = [];
  frames = [];
  ends = [];
  host.answers["/api/v1/sync"] = (path: string, { signal }: RequestInit) => new Promise<Response>((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("aborted")));
    asked.push({
      query: new URLSearchParams(path.split("?")[1]),
      answer: (body, status = 200) => resolve(Response.json(body, { status })),
    });
  });
  link = new PollLink(host, () => "secret");
  link.open({ opened: () => {}, frame: (frame) => frames.push(frame), alive: () => {}, closed: (end) => ends.push(end) });
});

async function welcomed(): Promise<void> {
  link.send({ t: "hello", cursor: "1.10", channels: ["t:x", "p:bela"] });
  await settled();
  await answer(page("1.12", { events: [on(11, "c:a"), on(12, "t:x")] }));
}

test("pages become the frames of a resume, then it waits for news", async () => {
  await welcomed();
  expect(kinds()).toEqual(["welcome", "event 11", "event 12", "mark"]);
  expect(frames[0]).toMatchObject({ resume: "paged", person: "asha", cursor: "1.12" });
  expect(asked.map(({ query }) => Object.fromEntries(query))).toEqual([
    { since: "1.10", channels: "t:x", wait: "0" }, { since: "1.12", channels: "t:x", wait: "25" },
  ]);
  expect(host.requests[0]?.init.headers).toMatchObject({ authorization: "Bearer secret" });
});

test("without a cursor it is a fresh start, and a reset is one too", async () => {
  link.send({ t: "hello" });
  await settled();
  await answer({ cursor: "1.50", posts: {}, me: { id: "asha" } });
  expect(frames[0]).toMatchObject({ t: "welcome", resume: "fresh", cursor: "1.50", person: "asha" });
  await answer({ reset: { reason: "unknown_epoch" }, cursor: "2.3" });
  expect(frames.at(-2)).toEqual({ t: "reset", reason: "unknown_epoch", cursor: "2.3" });
});

test("a thread's replay stops where the client is: what lies beyond comes with all channels, in order", async () => {
  await welcomed();
  link.send({ t: "watch", id: 3, channels: ["t:y"], since: "1.5" });
  await settled();
  expect(Object.fromEntries(asked.at(-1)!.query)).toEqual({ since: "1.5", channels: "t:y", wait: "0" });
  await answer(page("1.15", { events: [on(7, "t:y"), on(8, "c:a"), on(15, "t:y")] }));
  expect(kinds().slice(4)).toEqual(["event 7", "watching"]);
  expect(asked.at(-1)!.query.get("channels")).toBe("t:x,t:y");
  await answer(page("1.15", { events: [on(14, "c:a"), on(15, "t:y")] }));
  expect(kinds().slice(6)).toEqual(["event 14", "event 15", "mark"]);
});

test("a ping is a question of its own, a rewind the next page's beginning", async () => {
  await welcomed();
  link.send({ t: "ping" });
  link.send({ t: "rewind", cursor: "1.10" });
  await settled();
  await answer(page("1.12"));
  expect(kinds().slice(4)).toEqual(["mark", "pong"]);
  expect(Object.fromEntries(asked.at(-1)!.query)).toMatchObject({ since: "1.10", wait: "25" });
});

test("commands are posted in order and answered as frames", async () => {
  await welcomed();
  host.answers["/api/v1/commands"] = { answer: { post: "p" }, cursor: "1.13", repeated: false };
  link.send({ t: "do", key: "one", command: { do: "post.delete", post: "a" } });
  link.send({ t: "do", key: "two", command: { do: "post.delete", post: "b" } });
  await settled();
  expect(frames.slice(4)).toMatchObject([{ t: "done", key: "one", ok: true, cursor: "1.13" }, { t: "done", key: "two", ok: true }]);
  host.answers["/api/v1/commands"] = Response.json({ error: { code: "locked", message: "no", retry: false } }, { status: 409 });
  link.send({ t: "do", key: "three", command: { do: "post.delete", post: "c" } });
  await settled();
  expect(frames.at(-1)).toMatchObject({ t: "done", key: "three", ok: false, error: { code: "locked" } });
});

test("an answer without a place in the log is none of the node's", async () => {
  await welcomed();
  host.answers["/api/v1/commands"] = { ok: true };
  link.send({ t: "do", key: "one", command: { do: "post.delete", post: "a" } });
  await settled();
  expect(kinds()).not.toContain("done");
  expect(ends).toMatchObject([{ reason: "status 200" }]);
});

test("in the background it asks nothing", async () => {
  await welcomed();
  link.send({ t: "background" });
  await settled();
  const before = asked.length;
  await settled();
  expect(asked).toHaveLength(before);
  link.send({ t: "foreground" });
  await settled();
  expect(asked).toHaveLength(before + 1);
});

test("whoever does not wait as asked is not asked in a rush", async () => {
  await welcomed();
  await answer(page("1.12"));
  expect(asked).toHaveLength(2);
  host.pass(1_000);
  await settled();
  expect(asked).toHaveLength(3);
});

test.each([
  [401, { code: 4401 }], [503, { code: 4503 }], [422, { code: 0, absent: true }], [500, { code: 0, absent: false }],
])("status %d ends it", async (status, end) => {
  link.send({ t: "hello", cursor: "1.10" });
  await settled();
  await answer({ error: {} }, status);
  expect(ends).toMatchObject([end]);
});

test("no answer in time ends it", async () => {
  await welcomed();
  host.pass(35_000);
  await settled();
  expect(ends).toMatchObject([{ code: 0 }]);
});

test("a thread's replay tells the values that changed meanwhile", async () => {
  await welcomed();
  link.send({ t: "watch", id: 3, channels: ["t:y"], since: "1.5" });
  await settled();
  await answer(page("1.12", { events: [on(7, "t:y")], values: [valueFrame(9, "r", { helpful: 2 })] }));
  expect(kinds().slice(4)).toEqual(["event 7", "value", "watching"]);
});

test("a command whose answer never comes ends the link: it is sent again by another", async () => {
  host.answers["/api/v1/commands"] = (_path: string, { signal }: RequestInit) => new Promise<Response>((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("aborted")));
  });
  await welcomed();
  link.send({ t: "do", key: "k1", command: { do: "post.delete", post: "p" } });
  await settled();
  host.pass(POST_MS_MAX - 1);
  await settled();
  expect(ends).toEqual([]);
  host.pass(1);
  await settled();
  expect(ends).toEqual([{ code: 0, reason: "no answer" }]);
});
