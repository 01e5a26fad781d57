/** When to call again after a lost connection: full jitter below a rising ceiling, never before the server's own advice. */

export const BACKOFF_MS_MIN = 500;
export const BACKOFF_MS_MAX = 20_000;
/** A connection which lived this long was a good one: the next loss starts from the shortest wait. */
export const STEADY_MS = 10_000;

export function backoff(attempt: number, advice: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, 2 * BACKOFF_MS_MIN * 2 ** Math.min(attempt, 10));
  return Math.max(advice, BACKOFF_MS_MIN, Math.round(random * ceiling));
}
