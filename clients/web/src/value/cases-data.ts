/** Cases as the node tells them: whole to who decides, to a party without the names of others (docs/scoring.md). */

export type Outcome = "upheld" | "dismissed" | "reversed";

export interface Flow {
  /** Null: a colleague whose thanks are not public. */
  giver: string | null;
  author: string;
  contents: number;
  base: number;
  counted: number;
}

export interface Case {
  case: string;
  kind: "ring" | "dispute";
  state: "open" | "decided";
  opened_at: number;
  opened_by: string | null;
  parties: string[];
  /** How many parties there are; for a party alone, who sees few of them. */
  people?: number;
  quarter: string;
  reason: string;
  content: string | null;
  about: string | null;
  held: boolean;
  evidence: { share: number; flows: Flow[] } | null;
  decision: { outcome: Outcome; reason: string; by: string; at: number; rev: number } | null;
  yours?: boolean;
}

/** What a case may come to: a ring is one or none, a dispute is right or not. */
export function outcomesOf({ kind }: Pick<Case, "kind">): Outcome[] {
  return kind === "ring" ? ["dismissed", "reversed"] : ["upheld", "dismissed"];
}

/** Nobody decides about themselves; ``me`` may be a party even where the node does not say so. */
export function mayDecide(one: Pick<Case, "parties" | "yours">, me: string, decides: boolean): boolean {
  return decides && one.yours !== true && !one.parties.includes(me);
}
