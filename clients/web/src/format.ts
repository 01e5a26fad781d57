/** Numbers and times as people read them; times come as UTC ms and are shown in the reader's own zone. */

import { t } from "./strings.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The last moment a Date can hold. Whoever asks a poll may name a later one, and a page has to live with it. */
const DATE_MAX = 8.64e15;

const whole = new Intl.NumberFormat(t.language);
const compactNumber = new Intl.NumberFormat(t.language, { notation: "compact", maximumFractionDigits: 1 });
const oneDigit = new Intl.NumberFormat(t.language, { maximumFractionDigits: 1 });
const percentage = new Intl.NumberFormat(t.language, { style: "percent" });
const relative = new Intl.RelativeTimeFormat(t.language, { numeric: "auto", style: "narrow" });
const fullTime = new Intl.DateTimeFormat(t.language, { dateStyle: "full", timeStyle: "short" });
const thisYear = new Intl.DateTimeFormat(t.language, { day: "numeric", month: "short" });
const otherYear = new Intl.DateTimeFormat(t.language, { day: "numeric", month: "short", year: "numeric" });
const list = new Intl.ListFormat(t.language, { type: "conjunction" });

export const number = (value: number): string => whole.format(value);
export const compact = (value: number): string => compactNumber.format(value);
export const percent = (share: number): string => percentage.format(share);
export const names = (all: readonly string[]): string => list.format(all);
export const moment = (at: number): string => fullTime.format(dateOf(at));

/** Points from thousandths: 7500 is 7.5. */
export const points = (milli: number): string => oneDigit.format(milli / 1000);

export const dateOf = (at: number): Date => new Date(Math.min(Math.max(at, -DATE_MAX), DATE_MAX));

export function day(at: number, now: number): string {
  const date = dateOf(at);
  const format = date.getFullYear() === new Date(now).getFullYear() ? thisYear : otherYear;
  return format.format(date);
}

/** How many times midnight comes between two moments where the reader is; a day there may have 23 or 25 hours. */
function nights(from: number, to: number): number {
  const [first, last] = [from, to].map((at) => new Date(at)).map((date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()));
  return ((last ?? 0) - (first ?? 0)) / DAY;
}

/** "3 min. ago" or "in 2 hr.", and the date once it is more than a week away. */
export function ago(at: number, now: number): string {
  const distance = at - now;
  const size = Math.abs(distance);
  if (size < MINUTE) return relative.format(0, "minute");
  if (size < HOUR) return relative.format(Math.trunc(distance / MINUTE), "minute");
  if (size < DAY) return relative.format(Math.trunc(distance / HOUR), "hour");
  // "Yesterday" is a day of the calendar: 47 hours ago it was the day before.
  if (size < 7 * DAY) return relative.format(nights(now, at), "day");
  return day(at, now);
}

/** Wall-clock time where a colleague is, or an empty text for a zone this browser does not know. */
export function clockIn(timezone: string, now: number): string {
  try {
    return new Intl.DateTimeFormat(t.language, { timeStyle: "short", timeZone: timezone }).format(now);
  } catch {
    return "";
  }
}

const UNITS = ["kilobyte", "megabyte"] as const;

/** ``340 kB``, ``2.1 MB``: as file lists say it; nothing is smaller than 1 kB. */
export function bytes(size: number): string {
  const [unit, value] = size < 1_000_000 ? [UNITS[0], Math.max(1, size / 1000)] : [UNITS[1], size / 1_000_000];
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(t.language, { style: "unit", unit, maximumFractionDigits: digits }).format(value);
}
