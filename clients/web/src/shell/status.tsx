/** One quiet word about the connection; loud only about what has not been sent. */

import type { Phase } from "@tap/sdk";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";

const WORDS: Record<Phase, string> = {
  idle: t.connecting, opening: t.connecting, greeting: t.connecting, catching_up: t.catchingUp, live: t.live, waiting: t.reconnecting,
  stopped: t.offline,
};

export function Status() {
  const client = useClient();
  const phase = client.phase.value;
  const unsent = client.view.pending.value.filter((entry) => entry.state !== "done").length;
  const paused = client.store.paused.value;
  const word = paused && phase === "live" ? t.paused : phase === "waiting" && !navigator.onLine ? t.offline : WORDS[phase];
  return (
    <p class={paused ? "status status-paused" : `status status-${phase}`} data-phase={phase}>
      <span class="dot" aria-hidden="true" />
      <span>{word}</span>
      {unsent > 0 && phase !== "live" && <span class="num"> · {t.waitingToSend(unsent)}</span>}
    </p>
  );
}
