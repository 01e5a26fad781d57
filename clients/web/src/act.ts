/** Doing things: every act goes through the outbox, and a refusal is told in the server's own words. */

import type { Command, Outcome, TapClient } from "@tap/sdk";

import { complain } from "./ui/notice.tsx";

export async function act(client: TapClient, command: Command, before?: unknown): Promise<Outcome> {
  const outcome = await client.do(command, before);
  if (!outcome.ok) {
    complain(outcome.error.message);
    // Its echo is gone; what was refused needs no row of its own.
    const failed = client.outbox.entries.value.find((entry) => entry.state === "failed" && entry.command === command);
    if (failed) client.outbox.discard(failed.key);
  }
  return outcome;
}
