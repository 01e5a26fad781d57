/** The rules of scoring as the node tells them (GET /scoring/rules). */

export interface ActRule { kind: string; points: number; text: string; named: boolean; by?: string }
export interface Ruling { kind: string; status: string; text: string }

export interface RulesVersion {
  id: string;
  effective: string;
  acts: ActRule[];
  rulings: Ruling[];
  factors: string[];
  half_life_days: number;
  /** Thousandths by which a credit from another country counts. */
  border_share: number;
  levels_milli: number[];
}

export interface Example { base: number; share: number; first: number; again: number }

/** An accepted answer across a border, once and again, in milli-points; null where the rules have no such act. */
export function exampleOf({ acts, factors, border_share }: RulesVersion): Example | null {
  const accepted = acts.find(({ kind }) => kind === "accepted");
  if (accepted === undefined || !factors.includes("pair") || !factors.includes("border")) return null;
  const base = accepted.points * 1000;
  return { base, share: border_share, first: Math.floor((base * border_share) / 1000), again: Math.floor((Math.floor(base / 2) * border_share) / 1000) };
}
