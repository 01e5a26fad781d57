/** One quiet word about the connection, with a sentence behind it; loud only about what has not been sent. */

import type { Phase, Status as LinkStatus } from "@tap/sdk";
import { useId } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";

const WORDS: Record<Phase, string> = {
  idle: t.connecting, renewing: t.signingInAgain, opening: t.connecting, greeting: t.connecting, catching_up: t.catchingUp, live: t.live,
  waiting: t.reconnecting, asleep: t.asleep, stopped: t.offline,
};

/** By what we are connected, or what we wait for and how long. */
export function sentencesOf({ phase, why, transport, retryMs }: LinkStatus): string[] {
  switch (phase) {
    case "live":
    case "catching_up":
      return [t.transports[transport]];
    case "waiting":
      return [t.waitingFor[why], t.againIn(Math.ceil(retryMs / 1000)), t.nothingIsLost];
    case "stopped":
      return [t.waitingFor[why], t.nothingIsLost];
    default:
      return [WORDS[phase]];
  }
}

export function Status() {
  const client = useClient();
  const status = client.status.value;
  const about = useId();
  const { phase } = status;
  const unsent = client.view.pending.value.filter((entry) => entry.state !== "done").length;
  const paused = client.store.paused.value;
  const word = paused && phase === "live" ? t.paused : status.why === "offline" ? t.offline : WORDS[phase];
  return (
    <div class={paused ? "status status-paused" : `status status-${phase}`} data-phase={phase} data-transport={status.transport}>
      <button type="button" class="status-word" popovertarget={about} title={t.aboutConnection}>
        <span class="dot" aria-hidden="true" />
        <span>{word}</span>
        {unsent > 0 && phase !== "live" && <span class="num"> · {t.waitingToSend(unsent)}</span>}
      </button>
      <div id={about} popover="auto" class="about-connection">
        {sentencesOf(status).map((sentence) => <p key={sentence}>{sentence}</p>)}
      </div>
    </div>
  );
}
