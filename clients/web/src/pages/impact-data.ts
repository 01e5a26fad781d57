/** The contribution ledger as the node explains it (docs/scoring.md): each line with its reasons, in words. */

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
}

export interface Impact {
  cursor: string;
  total: number;
  standing: number;
  level: number;
  lines: CreditLine[];
  rules: unknown;
}

/** The lines fetched with one that came live on top; a line that changed takes its earlier form's place. */
export function withLine(lines: readonly CreditLine[], live: CreditLine | null): CreditLine[] {
  if (live === null) return [...lines];
  return [live, ...lines.filter((line) => line.act !== live.act)];
}
