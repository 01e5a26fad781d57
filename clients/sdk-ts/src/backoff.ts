/**
 * When to call again after a lost connection: full jitter between half a second and a rising ceiling
 * (Brooker, "Exponential Backoff And Jitter", 2015), and never before the server's own advice.
 * tests/vectors/sdk/backoff.json holds both SDKs to the same waits.
 */

export const BACKOFF_MS_MIN = 500;
export const BACKOFF_MS_MAX = 20_000;
/** Clients that were told the same time to come back still do not come in the same instant. */
export const ADVICE_SPREAD_MS = 1_000;
/** A connection which lived this long was a good one: the next loss starts from the shortest wait. */
export const STEADY_MS = 10_000;
/** Nobody is looking: a hundred hidden tabs come back spread over the whole range at once. */
export const ATTEMPT_HIDDEN = 6;

/** ``attempt`` counts from 0; ``advice`` is the server's ``retry_ms`` or 0; ``random`` from [0, 1). */
export function backoff(attempt: number, advice: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, 2 * BACKOFF_MS_MIN * 2 ** Math.min(attempt, 16));
  const own = BACKOFF_MS_MIN + random * (ceiling - BACKOFF_MS_MIN);
  return Math.round(advice === 0 ? own : Math.max(own, advice + random * ADVICE_SPREAD_MS));
}
