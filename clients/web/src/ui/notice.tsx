/** Short words to everyone: politely spoken ones, and refusals, which stay until read. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { t } from "../strings.ts";
import { Icon } from "./icon.tsx";

const SHOWN_MS = 6_000;

const polite = signal("");
export const notice = signal<{ text: string; bad: boolean } | null>(null);
let timer = 0;

/** What is already there is not spoken anew: the same words come with a space, and without it, in turn. */
const AGAIN = "\u00a0";
/** How many there are is spoken at most this often; the number itself is always on the screen. */
const COUNT_MS_MIN = 30_000;

/** Spoken to those who listen, not shown. */
export function announce(text: string): void {
  polite.value = text === polite.peek() ? text + AGAIN : text;
}

/** Says how many have come, when there are more than before: not each, and not what is read already. */
export function useCountSpoken(count: number, words: (count: number) => string): void {
  const said = useRef({ at: Number.NEGATIVE_INFINITY, count: 0 });
  useEffect(() => {
    const { at, count: before } = said.current;
    const now = performance.now();
    const due = count > before && now - at >= COUNT_MS_MIN;
    said.current = { at: due ? now : at, count };
    if (due) announce(words(count));
  }, [count, words]);
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
