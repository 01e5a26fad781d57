/** What a closed poll came to: places of a ranked one, who was too late, and that regions counted the same. */

import type { PollResult, PollSpec, PollValue } from "@tap/sdk";

import { ago, names } from "../format.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";

/** Regions as people write them: ``de`` is DE. */
export const regionNames = (regions: readonly string[]): string => names(regions.map((region) => region.toUpperCase()));

/** How far it is. ``ended``: no more ballots are taken, as far as one knows here. */
export function stateOf(spec: PollSpec, value: PollValue, ended: boolean, now: number): string {
  if (value.closed) return t.closed;
  if (ended) return value.waiting.length > 0 ? t.closingWaits(regionNames(value.waiting)) : t.closing;
  return spec.closes_at ? t.closes(ago(spec.closes_at, now)) : "";
}

/** Whether it counts; before the end, what that takes. */
export function verdictOf(spec: PollSpec, result: PollResult | null): string {
  const quorum = t.quorum(spec.quorum_people ?? 0, spec.quorum_regions ?? 0);
  if (quorum === "") return "";
  if (result === null) return t.needsQuorum(quorum);
  return result.quorum ? t.quorumMet(quorum) : t.quorumMissed(quorum);
}

export interface Place {
  /** From 1; who is tied shares it, and the next place is as far on as they are many. */
  place: number;
  choices: number[];
  /** By how many this one alone is preferred to the one alone that follows. */
  over: { choice: number; votes: number; against: number } | null;
}

export function placesOf(result: PollResult, size: number): Place[] {
  let place = 1;
  return result.order.map((choices, at) => {
    const found = { place, choices, over: overNext(result, size, choices, result.order[at + 1] ?? []) };
    place += choices.length;
    return found;
  });
}

function overNext({ pairs }: PollResult, size: number, [a, ...more]: number[], [b, ...others]: number[]): Place["over"] {
  if (a === undefined || b === undefined || more.length + others.length > 0 || pairs.length === 0) return null;
  return { choice: b, votes: pairs[a * size + b] ?? 0, against: pairs[b * size + a] ?? 0 };
}

export function Places({ spec, result }: { spec: PollSpec; result: PollResult }) {
  const named = (choices: readonly number[]): string => choices.map((choice) => spec.choices[choice] ?? "").join(", ");
  return (
    <>
      <p class="meta">{t.rankedResult}</p>
      <ol class="places">
        {placesOf(result, spec.choices.length).map(({ place, choices, over }) => (
          <li key={place} data-place={place}>
            <span class="num rank">{t.place(place)}</span>
            <span class="grow">
              <span dir="auto">{named(choices)}</span>
              {choices.length > 1 && <span class="meta"> {t.tied}</span>}
              {over && <span class="meta num pair">{t.beats(named(choices), named([over.choice]), over.votes, over.against)}</span>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

export function Recount({ result }: { result: PollResult }) {
  const empty = result.order.length === 0;
  return (
    <div class="meta num recount">
      {empty && <p>{result.regions > 0 ? t.tooFewSecret : t.nobodyVoted}</p>}
      {result.late.length > 0 && <p>{t.lateRegions(regionNames(result.late))}</p>}
      {result.differing.length > 0
        ? <p class="warning" role="alert"><Icon name="warning" size={14} /> {t.countsDiffer(regionNames(result.differing))}</p>
        : result.agreed.length > 0 && <p title={result.digest}><Icon name="check" size={14} /> {t.recounted(result.agreed.length)}</p>}
    </div>
  );
}
