/** My impact as the node tells it (docs/protocol/http.md 6): what helped whom, and the ledger behind it. */

import type { CommunityMode } from "@tap/sdk";

export interface Factor {
  name: string;
  factor_text: string;
  reason: string;
  /** Thousandths of a point after this step. */
  milli: number;
}

export interface CreditLine {
  act: string;
  at: number;
  kind: string;
  what: string;
  content: string;
  content_title: string;
  by: string | null;
  by_text: string;
  base: number;
  factors: Factor[];
  milli_points: number;
  rules: string;
  status: string;
  status_text: string;
  /** Absent on a line that came live. */
  mode?: CommunityMode;
  /** The case about this line; null without one. Absent on a line that came live, and where nothing can be disputed. */
  case?: { case: string; state: "open" | "decided"; outcome: string | null } | null;
}

export interface HelpfulContent {
  content: string;
  title: string;
  mode: CommunityMode;
  people: number;
  /** How many lines of each kind. */
  kinds: Record<string, number>;
  milli: number;
}

export interface TrendMonth {
  /** ``2026-11`` */
  month: string;
  people: number;
}

export interface UsefulAct {
  post: string;
  title: string;
  topics: string[];
  at: number;
  mine: boolean;
}

export interface Impact {
  cursor: string;
  total: number;
  standing: number;
  level: number;
  scores: "off" | "private" | "opt_in" | "public";
  lines: CreditLine[];
  next: string | null;
  month: { month: string; people: number; countries: number; contents: HelpfulContent[] };
  trend: TrendMonth[];
  useful: UsefulAct[];
  named: { quarter: string; at: number; by: string }[];
}

export interface Place {
  shown: boolean;
  why: string;
  month: string;
  people: number;
  band: string;
}

/** The lines fetched with one that came live on top; a line that changed takes its earlier form's place. */
export function withLine(lines: readonly CreditLine[], live: CreditLine | null): CreditLine[] {
  if (live === null) return [...lines];
  return [live, ...lines.filter((line) => line.act !== live.act)];
}

/** In a quiet community people read whom they helped; what it was in points is for who asks. */
export function isQuiet({ mode = "quiet" }: { mode?: CommunityMode }): boolean {
  return mode === "quiet";
}

/** Whether the sums may stand there unasked: they would tell the points of a quiet line. */
export function sumsAreQuiet(lines: readonly CreditLine[]): boolean {
  return lines.length === 0 || lines.some(isQuiet);
}

/** Whether somebody may be asked to look at a line: one appeal is left after a decision. */
export function mayDispute({ case: about, status }: Pick<CreditLine, "case" | "status">): boolean {
  return about !== undefined && about?.state !== "open" && status !== "lapsed";
}

/** Heights of bars in hundredths of the highest; whatever is not nothing can be seen. */
export function heights(values: readonly number[]): number[] {
  const most = Math.max(1, ...values);
  return values.map((value) => (value <= 0 ? 0 : Math.max(4, Math.round((value * 100) / most))));
}
