import { beforeEach, expect, test } from "vitest";

import { TapClient } from "../src/client.ts";
import { MemoryShelf } from "../src/host.ts";
import { FAULTS_MAX } from "../src/outbox.ts";
import { NO_COUNTS } from "../src/views.ts";
import { FakeHost, eventFrame, person, post, settled, snapshot, valueFrame } from "./fakes.ts";

let host: FakeHost;
let shelf: MemoryShelf;
let client: TapClient;
let signedOut: number;

async function open(): Promise<TapClient> {
  const opened = await TapClient.open({ host, shelf, schedule: (flush) => flush(), name: "test/1", signedOut: () => { signedOut += 1; } });
  host.last.greets({ resume: "complete" });
  host.last.says({ t: "mark", cursor: "1a.10" });
  return opened;
}

function snapshotsAsked(): number {
  return host.requests.filter(({ path }) => path === "/api/v1/sync").length;
}

beforeEach(async () => {
  host = new FakeHost();
  shelf = new MemoryShelf();
  signedOut = 0;
  host.answers["/api/v1/sync"] = snapshot({ posts: { p: post("p") }, order: ["p"] });
  client = await open();
});

test("takes a snapshot and resumes the socket from its cursor", () => {
  expect(host.sockets[0]?.sent[0]).toMatchObject({ t: "hello", cursor: "1a.10" });
  expect(client.view.post("p").value?.text).toBe("hello");
  expect(client.phase.value).toBe("live");
});

test("a reaction shows at once and stays the same while answer, event and counter come in", async () => {
  const shown = (): unknown[] => [client.view.reactions("p").value, client.view.counts("p").value.helpful];
  void client.do({ do: "reaction.set", target: "p", reaction: "helpful", on: true }, false);
  await settled();
  expect(shown()).toEqual([["helpful"], 1]);
  const key = (host.last.sent.at(-1) as { key: string }).key;
  host.last.says(eventFrame(11, "reaction.changed", { target: "p", root: "p", place: "c:one", author: "bela", reaction: "helpful", rev: 1, on: true }, "asha"));
  expect(shown()).toEqual([["helpful"], 1]);
  host.last.says({ t: "done", key, ok: true, answer: {}, cursor: "1a.11" });
  expect(shown()).toEqual([["helpful"], 1]);
  host.last.says(valueFrame(11, "p", { helpful: 1 }));
  expect(shown()).toEqual([["helpful"], 1]);
  host.pass(5_000);
  expect(shown()).toEqual([["helpful"], 1]);
});

test("a refused reaction goes back", async () => {
  void client.do({ do: "reaction.set", target: "p", reaction: "helpful", on: true }, false);
  await settled();
  const key = (host.last.sent.at(-1) as { key: string }).key;
  host.last.says({ t: "done", key, ok: false, error: { code: "forbidden", message: "No.", retry: false } });
  expect(client.view.counts("p").value.helpful).toBe(0);
});

test("what was said offline is said after the reconnect", async () => {
  host.last.breaks();
  void client.do({ do: "reply.publish", parent: "p", text: "from the tunnel" });
  await settled();
  host.pass(1_000);
  host.last.greets({ resume: "complete" });
  await settled();
  expect(host.last.sent.at(-1)).toMatchObject({ t: "do", command: { text: "from the tunnel" } });
});

test.each([502, 504, 429])("what answers %d before the node does not answer for it: the command goes again with its key", async (status) => {
  const page = { cursor: "1a.10", events: [], values: [], more: false, channels: ["u:asha"] };
  const polls = (path: string): Promise<Response> => (path.endsWith("wait=0") ? Promise.resolve(Response.json(page)) : new Promise(() => {}));
  const posted = (): unknown[] => host.requests.filter(({ path }) => path === "/api/v1/commands").map(({ init }) => JSON.parse(String(init.body)));
  await shelf.set("transport:office", { transport: "poll", at: host.now() });
  client = await TapClient.open({ host, shelf, schedule: (flush) => flush(), name: "test/1", signedOut: () => {} });
  host.answers["/api/v1/sync"] = polls;
  await settled();
  expect(client.status.value).toMatchObject({ phase: "live", transport: "poll" });
  host.answers["/api/v1/commands"] = new Response("<html>", { status });
  const outcome = client.do({ do: "post.delete", post: "p" });
  await settled();
  for (let times = 1; times <= FAULTS_MAX; times += 1) {
    expect([posted().length, client.phase.value, client.outbox.entries.value[0]?.state]).toEqual([times, "waiting", "waiting"]);
    host.pass(10_000);
    // oxlint-disable-next-line no-await-in-loop
    await settled();
  }
  host.answers["/api/v1/commands"] = { answer: { post: "p" }, cursor: "1a.11", repeated: true };
  host.pass(10_000);
  expect(await outcome).toEqual({ ok: true, answer: { post: "p" } });
  expect(new Set(posted().map((one) => JSON.stringify(one))).size).toBe(1);
});

test("nothing is said in the name of somebody else who signed in meanwhile", async () => {
  host.last.breaks();
  void client.do({ do: "reply.publish", parent: "p", text: "from the tunnel" });
  await settled();
  host.pass(1_000);
  host.last.greets({ resume: "complete", person: "bela" });
  await settled();
  expect(host.last.sent.map(({ t }) => t)).toEqual(["hello"]);
  expect([signedOut, client.phase.value]).toEqual([1, "stopped"]);
  expect(await shelf.list("outbox:asha:")).toMatchObject([{ command: { text: "from the tunnel" } }]);
});

test("somebody else's snapshot is not taken for one's own", async () => {
  host.answers["/api/v1/sync"] = snapshot({ cursor: "1a.400", me: person("bela"), posts: { q: post("q") }, order: ["q"] });
  host.last.says({ t: "reset", reason: "too_far_behind", cursor: "1a.400" });
  await settled();
  expect([client.store.me, client.view.post("q").value, signedOut]).toEqual(["asha", undefined, 1]);
});

test("a reset starts over from a snapshot and says so to whoever shows lists", async () => {
  const generation = client.store.generation.value;
  host.answers["/api/v1/sync"] = snapshot({ cursor: "2b.400", posts: { q: post("q") }, order: ["q"] });
  host.last.says({ t: "reset", reason: "epoch", cursor: "2b.400" });
  await settled();
  expect(client.view.post("q").value).toBeDefined();
  expect(client.store.generation.value).toBe(generation + 1);
});

test.each(["welcome", "reset"])("nothing of a restored node's earlier log is folded over its snapshot (%s)", async (told) => {
  host.last.says(valueFrame(300, "p", { helpful: 7 }));
  const counts = { ...NO_COUNTS, helpful: 2 };
  host.answers["/api/v1/sync"] = snapshot({ cursor: "2b.100", posts: { p: post("p", { counts }) }, order: ["p"] });
  if (told === "reset") host.last.says({ t: "reset", reason: "unknown_epoch", cursor: "2b.100" });
  else {
    host.last.breaks();
    host.pass(1_000);
    host.last.greets({ resume: "reset", cursor: "2b.100" });
  }
  host.last.says(valueFrame(101, "p", { helpful: 3 }));
  await settled();
  expect(client.view.counts("p").value.helpful).toBe(3);
  host.last.says(valueFrame(102, "p", { helpful: 4 }));
  expect(client.view.counts("p").value.helpful).toBe(4);
});

test("a snapshot that could not be had after a reset is asked for until it is there", async () => {
  host.answers["/api/v1/sync"] = Response.json({ error: { code: "overloaded", message: "", retry: true } }, { status: 503 });
  host.last.says({ t: "reset", reason: "too_far_behind", cursor: "1a.400" });
  host.last.says({ t: "mark", cursor: "1a.400" });
  await settled();
  expect(client.view.post("q").value).toBeUndefined();
  host.answers["/api/v1/sync"] = snapshot({ cursor: "1a.401", posts: { q: post("q") }, order: ["q"] });
  host.pass(1_000);
  await settled();
  expect(client.view.post("q").value).toBeDefined();
  const asked = snapshotsAsked();
  host.pass(30_000);
  await settled();
  expect(snapshotsAsked()).toBe(asked);
});

test("who is closed asks for no snapshot any more", async () => {
  host.answers["/api/v1/sync"] = undefined;
  host.last.says({ t: "reset", reason: "too_far_behind", cursor: "1a.400" });
  await settled();
  client.close();
  const asked = snapshotsAsked();
  host.pass(30_000);
  await settled();
  expect(snapshotsAsked()).toBe(asked);
});

test("a thread is watched while anybody looks at it", () => {
  const first = client.watch("t:p", "1a.10");
  const second = client.watch("t:p", "1a.10");
  first();
  expect(host.last.sent.slice(1)).toMatchObject([{ t: "watch" }, { t: "watch" }]);
  second();
  expect(host.last.sent.at(-1)).toEqual({ t: "unwatch", channels: ["t:p"] });
});

test("unknown authors are fetched together, once", async () => {
  client.view.person("bela");
  client.view.person("chen");
  client.view.person("bela");
  host.pass(30);
  await settled();
  const asked = host.requests.filter(({ path }) => path.startsWith("/api/v1/people"));
  expect(asked.map(({ path }) => path)).toEqual(["/api/v1/people?ids=bela%2Cchen"]);
});

test("the server's clock tells the time", () => {
  host.last.breaks();
  host.pass(1_000);
  host.last.greets({ server_time: host.time + 300_000, resume: "complete" });
  expect(client.now()).toBe(host.time + 300_000);
});

test("an event the store cannot fold twice over is mended by a snapshot, and told", async () => {
  const generation = client.store.generation.value;
  const broken = eventFrame(11, "post.published", { post: "x" });
  Object.defineProperty(client.store, "apply", { value: () => { throw new Error("cannot fold"); }, configurable: true });
  host.last.says(broken);
  expect(host.last.sent.slice(-2)).toEqual([{ t: "ping" }, { t: "rewind", cursor: "1a.10" }]);
  host.last.says({ t: "pong", server_time: 0 });
  host.last.says(broken);
  await settled();
  expect(client.store.generation.value).toBe(generation + 1);
});

test("who is here and who types is known while there is a connection", () => {
  host.last.says({ t: "value", of: "presence", id: "bela", position: 0, value: { state: "away" } });
  host.last.says({ t: "typing", channel: "t:p", people: ["asha", "bela"] });
  expect([client.company.presence("bela"), client.company.typing("t:p").value]).toEqual(["away", ["bela"]]);
  host.last.breaks();
  expect([client.company.presence("bela"), client.company.typing("t:p").value]).toEqual([undefined, []]);
});

test("the connection says by what it is and what it waits for", () => {
  expect(client.status.value).toMatchObject({ phase: "live", transport: "websocket", why: "" });
  host.last.says({ t: "bye", code: 1001, reason: "stopping", retry_ms: 4_000 });
  host.last.breaks(1001);
  expect(client.status.value).toMatchObject({ phase: "waiting", why: "stopping", retryMs: 4_500 });
});

/** Private, so not among one's own; the wish to belong is kept. */
const WAITING = { memberships: { vault: { joined: true, role: "none" as const } } };

test.each([
  ["that was private when this page loaded is opened", snapshot(WAITING), "open", 2],
  ["of nobody's wish is opened", snapshot({}), "open", 1],
])("a community %s", async (_name, first, visibility, asked) => {
  host = new FakeHost();
  host.answers["/api/v1/sync"] = first;
  client = await open();
  host.last.says(eventFrame(11, "community.changed", { community: "vault", rev: 2, settings: { name: "Vault", visibility } }, "mod"));
  await settled();
  expect(snapshotsAsked()).toBe(asked);
});

test("a community of one's own changes whom it is open to: what is shown is asked for anew", async () => {
  const vault = { id: "vault", home: "in", name: "Vault", about: "", visibility: "open" as const, audience: "global", archived: false, mode: "quiet" as const, at: 0 };
  host = new FakeHost();
  host.answers["/api/v1/sync"] = snapshot({ ...WAITING, communities: { vault } });
  client = await open();
  const changes = (position: number, settings: object): void =>
    host.last.says(eventFrame(position, "community.changed", { community: "vault", rev: position, settings: { name: "Vault", ...settings } }, "mod"));
  await settled();
  const asked = snapshotsAsked();
  changes(11, { about: "more" });
  await settled();
  expect(snapshotsAsked()).toBe(asked);
  changes(12, { visibility: "private" });
  await settled();
  expect(snapshotsAsked()).toBe(asked + 1);
});

test("somebody registered anew is asked for, though they are known", async () => {
  host.answers["/api/v1/people"] = { people: [{ ...person("bela"), name: "Bella" }] };
  client.store.put("people", "bela", person("bela"));
  host.last.says(eventFrame(11, "person.registered", { person: "bela", home: "de", name: "Berta" }));
  host.pass(100);
  await settled();
  expect(client.view.person("bela").value?.name).toBe("Bella");
});
