/** How one answers as a leader, as the node tells it (docs/scoring.md 10.4). */

export const MEASURES = ["reply_rate", "reply_ms", "reply_share", "closed_rate", "countries"] as const;
export type Measure = (typeof MEASURES)[number];

export interface LeaderMonth {
  month: string;
  provisional: boolean;
  reply_rate: number | null;
  reply_ms: number | null;
  reply_share: number | null;
  countries: number;
  closed_rate: number | null;
  heard: number;
  returned: number;
}

export interface Quartiles { q1: number; median: number; q3: number }

export interface PeersMonth {
  month: string;
  people: number;
  why: "" | "too_few";
  quartiles: Record<Measure, Quartiles | null>;
}

export interface FollowedReply {
  reply: string;
  root: string;
  title: string;
  at: number;
  accepted: boolean;
  helpful: number;
  replies: number;
}

export interface Leading {
  cursor: string;
  members: number;
  span: string;
  months: LeaderMonth[];
  compare: "shown" | "policy" | "choice";
  peers: PeersMonth[];
  followed: FollowedReply[];
}

export interface Beside {
  month: LeaderMonth;
  peers: PeersMonth | null;
}

/** The newest settled month, and its peers; the running one only where there is no other. */
export function compared({ months, peers }: Pick<Leading, "months" | "peers">): Beside | null {
  const month = months.findLast(({ provisional }) => !provisional) ?? months.at(-1);
  if (month === undefined) return null;
  return { month, peers: peers.find((one) => one.month === month.month) ?? null };
}

export type Where = "below" | "inside" | "above" | "faster" | "slower";

/** Where a figure lies beside the middle half. Of a time, less is quicker, not below. */
export function whereOf(measure: Measure, own: number, { q1, q3 }: Quartiles): Where {
  const time = measure === "reply_ms";
  if (own < q1) return time ? "faster" : "below";
  if (own > q3) return time ? "slower" : "above";
  return "inside";
}

export interface Dots { own: number; from: number; middle: number; to: number }

/** Places on a line in hundredths. A share's line is the whole; another's ends a little beyond what stands on it. */
export function dotsOf(measure: Measure, own: number, { q1, median, q3 }: Quartiles): Dots {
  const whole = measure === "countries" || measure === "reply_ms" ? Math.max(own, q3, 1) * 1.15 : 1000;
  const at = (value: number): number => Math.round((value * 1000) / whole) / 10;
  return { own: at(own), from: at(q1), middle: at(median), to: at(q3) };
}
