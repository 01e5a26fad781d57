/** An erasure as the node tells it (docs/protocol/http.md 7), and how far it is. */

export interface Receipt {
  region: string;
  bodies: number;
  at: number;
}

export interface Erasure {
  id: string;
  scope: "post" | "person";
  target: string;
  reason: string;
  by: string;
  at: number;
  posts: number;
  regions: number;
  receipts: Receipt[];
  missing: string[];
}

/** The regions that have not confirmed, by what was fetched and the receipts that came live since. */
export function stillMissing(erasure: Erasure, live: readonly string[]): string[] {
  return erasure.missing.filter((region) => !live.includes(region));
}
