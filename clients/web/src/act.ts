/** Doing things: every act goes through the outbox, and a refusal is told in the server's own words. */

import type { Command, Outcome, TapClient } from "@tap/sdk";
import { effect } from "@preact/signals";

import { t } from "./strings.ts";
import { announce, complain } from "./ui/notice.tsx";

/** What a person wrote has a row of its own until it is there, refusal and words included (post/pending.tsx). */
const WITH_ROW: ReadonlySet<Command["do"]> = new Set(["post.publish", "reply.publish"]);
/** A refused edit keeps its words, too; but its post may be nowhere in sight. */
const WITH_WORDS: ReadonlySet<Command["do"]> = new Set([...WITH_ROW, "post.edit"]);

export async function act(client: TapClient, command: Command, before?: unknown): Promise<Outcome> {
  const outcome = await give(client, command, before);
  if (!outcome.ok) complainOf(command, outcome.error.message);
  return outcome;
}

/** As ``act``, for who tells of a refusal in a place of their own. */
export async function give(client: TapClient, command: Command, before?: unknown): Promise<Outcome> {
  const outcome = await client.do(command, before);
  if (!outcome.ok && !WITH_WORDS.has(command.do)) {
    // Its echo is gone; what was refused needs no row of its own.
    const failed = client.outbox.entries.value.find((entry) => entry.state === "failed" && entry.command === command);
    if (failed) client.outbox.discard(failed.key);
  }
  return outcome;
}

/** Says a refusal wherever the person is, unless a row says it already. */
export function complainOf(command: Command, message: string): void {
  if (!WITH_ROW.has(command.do)) complain(message);
}

/** What a row shows to who sees: that it is on its way, or waits. */
export function announceSending(client: TapClient): void {
  announce(client.phase.peek() === "live" ? t.sending : t.waitingForNetwork);
}

/** Nobody waits for the acts of an earlier page any more: what becomes of them is told all the same. */
export function tellOfEarlier(client: TapClient): void {
  const earlier = new Set(client.outbox.entries.value.flatMap(({ key, command }) => (WITH_ROW.has(command.do) ? [] : [key])));
  effect(() => {
    const refused = client.outbox.entries.value.find(({ key, state }) => state === "failed" && earlier.has(key));
    if (refused === undefined) return;
    earlier.delete(refused.key);
    complain(refused.error?.message ?? "");
    if (!WITH_WORDS.has(refused.command.do)) client.outbox.discard(refused.key);
  });
}
