/** The rules of scoring as the node tells them (GET /scoring/rules), and which sentences a version comes to. */

import { points } from "../format.ts";
import { v } from "./words.ts";

export interface ActRule { kind: string; points: number; text: string; named: boolean; outside_unit: boolean; by?: string }
export interface Ruling { kind: string; status: string; text: string }
export interface Expertise { half_life_days: number; prior_answers: number; other_topics_share: number; answers: number; askers: number; units: number }

/** Shares are thousandths; null and nothing in a list where the version has no such rule. */
export interface RulesVersion {
  id: string;
  effective: string;
  acts: ActRule[];
  rulings: Ruling[];
  factors: string[];
  /** What the first, the second ... credit of one colleague in a quarter counts. */
  pair_shares: number[];
  /** So many of them count anything; 0: all do. */
  pair_credits: number;
  unit_shares: number[];
  mutual: { threshold: number; share: number } | null;
  /** By which a credit from another country counts. */
  border_share: number;
  cap: { points: number; exempt: string[] } | null;
  /** 0: standing never decays. */
  half_life_days: number;
  floor_milli: number | null;
  levels_milli: number[];
  expertise: Expertise | null;
  influence: { days: number; uses: string[] } | null;
}

export interface Example { base: number; share: number; first: number; second: number; again: number }

const THOUSAND = 1000;

/** An accepted answer across a border, once and again, in milli-points; null where the rules have no such act. */
export function exampleOf({ acts, factors, pair_shares, border_share }: RulesVersion): Example | null {
  const accepted = acts.find(({ kind }) => kind === "accepted");
  const second = pair_shares[1];
  if (accepted === undefined || second === undefined || !factors.includes("border")) return null;
  const base = accepted.points * THOUSAND;
  const abroad = (milli: number) => Math.floor((milli * border_share) / THOUSAND);
  return { base, share: border_share, first: abroad(base), second, again: abroad(Math.floor((base * second) / THOUSAND)) };
}

/** What changes the worth of an act, a sentence each. */
export function changesOf(version: RulesVersion): string[] {
  const { factors, acts, cap } = version;
  const outside = acts.filter(({ outside_unit }) => outside_unit).map(({ kind }) => kind);
  const found = factors.flatMap((factor) => factorWords[factor]?.(version) ?? [factor]);
  if (outside.length > 0) found.push(v.outsideUnit(named(acts, outside)));
  if (cap !== null) found.push(v.cap(cap.points));
  if (cap !== null && cap.exempt.length > 0) found.push(v.capExempt(named(acts, cap.exempt)));
  return found.length > 0 ? found : [v.noFactors];
}

const factorWords: Record<string, (version: RulesVersion) => string[]> = {
  pair: ({ pair_shares, pair_credits }) => [
    v.pairFactor(pair_shares.map((share) => share / THOUSAND)),
    ...(pair_credits > 0 ? [v.pairEnds(pair_credits)] : []),
  ],
  unit: ({ unit_shares }) => [v.unitFactor(unit_shares.map((share) => share / THOUSAND))],
  mutual: ({ mutual }) => (mutual === null ? [] : [v.mutualFactor(mutual.threshold, mutual.share / THOUSAND)]),
  border: ({ border_share }) => [v.borderFactor(border_share / THOUSAND)],
};

export function standingOf({ half_life_days, floor_milli, levels_milli }: RulesVersion): string[] {
  const found = [half_life_days > 0 ? v.halfLife(half_life_days) : v.neverFades];
  if (floor_milli !== null) found.push(v.floor(points(floor_milli)));
  if (levels_milli.length > 0) found.push(v.levels(levels_milli.map(points)));
  return found;
}

/** Who is said to know about a topic, and what counts as a use of somebody's work. */
export function knowledgeOf({ acts, expertise, influence }: RulesVersion): string[] {
  const found = expertise === null ? [v.knowsNobody] : expertWords(expertise);
  if (influence !== null) found.push(v.influenceUses(named(acts, influence.uses), influence.days));
  return found;
}

function expertWords({ half_life_days, prior_answers, other_topics_share, answers, askers, units }: Expertise): string[] {
  return [
    v.knowsHalfLife(half_life_days),
    v.knowsElsewhere(other_topics_share / THOUSAND),
    v.knowsPrior(prior_answers),
    v.knowsExpert(answers, askers, units),
  ];
}

/** Acts by the rules' own sentences. */
function named(acts: readonly ActRule[], kinds: readonly string[]): string[] {
  return kinds.map((kind) => acts.find((act) => act.kind === kind)?.text ?? kind);
}
