/** Doing things: every act goes through the outbox, and a refusal is told in the server's own words. */

import type { Command, Outcome, TapClient } from "@tap/sdk";
import { effect } from "@preact/signals";

import { complain } from "./ui/notice.tsx";

/** What a person wrote has a row of its own until it is there, refusal and words included (post/pending.tsx). */
const WITH_ROW: ReadonlySet<Command["do"]> = new Set(["post.publish", "reply.publish"]);

export async function act(client: TapClient, command: Command, before?: unknown): Promise<Outcome> {
  const outcome = await client.do(command, before);
  if (!outcome.ok && !WITH_ROW.has(command.do)) {
    complain(outcome.error.message);
    // Its echo is gone; what was refused needs no row of its own.
    const failed = client.outbox.entries.value.find((entry) => entry.state === "failed" && entry.command === command);
    if (failed) client.outbox.discard(failed.key);
  }
  return outcome;
}

/** Nobody waits for the acts of an earlier page any more: what becomes of them is told all the same. */
export function tellOfEarlier(client: TapClient): void {
  const earlier = new Set(client.outbox.entries.value.flatMap(({ key, command }) => (WITH_ROW.has(command.do) ? [] : [key])));
  effect(() => {
    const refused = client.outbox.entries.value.find(({ key, state }) => state === "failed" && earlier.has(key));
    if (refused === undefined) return;
    complain(refused.error?.message ?? "");
    client.outbox.discard(refused.key);
  });
}
