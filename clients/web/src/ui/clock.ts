/** One ticking signal for every "3 minutes ago" on the page. */

import { signal } from "@preact/signals";

const TICK_MS = 20_000;

export const tick = signal(0);

export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") tick.value += 1;
  }, TICK_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") tick.value += 1;
  });
}
