/** Months as the node names them (``2026-11``, UTC), as people do. */

import { t } from "../strings.ts";

const named = new Intl.DateTimeFormat(t.language, { month: "long", year: "numeric", timeZone: "UTC" });
const short = new Intl.DateTimeFormat(t.language, { month: "short", timeZone: "UTC" });

function begin(month: string): number {
  const [year = 1970, number = 1] = month.split("-").map(Number);
  return Date.UTC(year, number - 1, 1);
}

export const monthName = (month: string): string => named.format(begin(month));
export const monthShort = (month: string): string => short.format(begin(month));

/** The month of a moment and the one before, newest first: those boards are kept of. */
export function boardMonths(now: number): [string, string] {
  const date = new Date(now);
  const name = (back: number): string => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back, 1)).toISOString().slice(0, 7);
  return [name(0), name(1)];
}

/** This quarter and those before it, newest first: ``2026Q4``. */
export function quarters(now: number, count: number): string[] {
  const date = new Date(now);
  const running = date.getUTCFullYear() * 4 + Math.floor(date.getUTCMonth() / 3);
  return Array.from({ length: count }, (_, back) => `${Math.floor((running - back) / 4)}Q${((running - back) % 4) + 1}`);
}
