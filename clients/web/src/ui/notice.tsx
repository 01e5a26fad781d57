/** Short words to everyone: politely spoken ones, and refusals, which stay until read. */

import { signal } from "@preact/signals";

import { t } from "../strings.ts";
import { Icon } from "./icon.tsx";

const SHOWN_MS = 6_000;

const polite = signal("");
export const notice = signal<{ text: string; bad: boolean } | null>(null);
let timer = 0;

/** Spoken to those who listen, not shown. */
export function announce(text: string): void {
  polite.value = text;
}

export function tell(text: string): void {
  show({ text, bad: false });
}

/** A refusal's own sentence. */
export function complain(text: string): void {
  show({ text, bad: true });
}

function show(what: { text: string; bad: boolean }): void {
  notice.value = what;
  window.clearTimeout(timer);
  if (!what.bad) timer = window.setTimeout(() => { notice.value = null; }, SHOWN_MS);
}

export function Notices() {
  const shown = notice.value;
  return (
    <>
      <output class="unseen">{polite.value}</output>
      <div class="notices" role="alert">
        {shown && (
          <div class={shown.bad ? "notice bad" : "notice"}>
            {shown.bad && <Icon name="warning" />}
            <span class="grow">{shown.text}</span>
            <button type="button" class="icon-button" aria-label={t.close} onClick={() => { notice.value = null; }}>
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
    </>
  );
}
