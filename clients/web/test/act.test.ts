import { type Command, MemoryShelf, Outbox, type TapClient } from "@tap/sdk";
import { beforeEach, expect, test, vi } from "vitest";

import { act, tellOfEarlier } from "../src/act.ts";
import { notice } from "../src/ui/notice.tsx";

vi.stubGlobal("window", globalThis);

const REFUSAL = { code: "too_long", message: "That is too long.", retry: false };
const message: Command = { do: "post.publish", place: "d:one", kind: "message", text: "many words" };
const reaction: Command = { do: "reaction.set", target: "p", reaction: "helpful", on: true };

let shelf: MemoryShelf;
let sent: string[];

function clientOf(): TapClient {
  const host = { now: () => 1_000, random: () => 0, after: () => () => {} };
  const outbox = new Outbox(host as never, shelf, { send: (key) => sent.push(key) > 0 }, "asha");
  return { outbox, do: (command: Command, before?: unknown) => outbox.submit(command, before) } as unknown as TapClient;
}

/** One turn of the loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, 0); });
}

const refuse = (client: TapClient, key = ""): void => client.outbox.answered({ t: "done", key, ok: false, error: REFUSAL });

beforeEach(() => {
  shelf = new MemoryShelf();
  sent = [];
  notice.value = null;
});

test("what a person wrote is not lost with its refusal: it stays to be sent again", async () => {
  const client = clientOf();
  const outcome = act(client, message);
  await settled();
  refuse(client, sent[0]);
  await outcome;
  expect(client.outbox.entries.value).toMatchObject([{ state: "failed", command: message }]);
  expect(notice.value).toBeNull();
});

test("a refused act is told and leaves nothing behind", async () => {
  const client = clientOf();
  const outcome = act(client, reaction);
  await settled();
  refuse(client, sent[0]);
  await outcome;
  expect([client.outbox.entries.value, notice.value?.text]).toEqual([[], REFUSAL.message]);
});

test("of an earlier page, too", async () => {
  const earlier = clientOf();
  void act(earlier, reaction);
  void act(earlier, message);
  await settled();
  const client = clientOf();
  await client.outbox.restore();
  tellOfEarlier(client);
  expect(client.outbox.entries.value).toHaveLength(2);
  refuse(client, sent[1]);
  await settled();
  refuse(client, sent[2]);
  await settled();
  expect(client.outbox.entries.value).toMatchObject([{ state: "failed", command: message }]);
  expect(notice.value?.text).toBe(REFUSAL.message);
  expect(await shelf.list("outbox:asha:")).toHaveLength(1);
});
