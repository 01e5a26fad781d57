/** What a colleague's contributions tell, as far as it may be shown, and the way they took. */

import { useClient } from "../client.ts";
import { day, points } from "../format.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import type { Median, Milestone, PersonRecord } from "./knows-data.ts";
import { v } from "./words.ts";

export function PersonRecordView({ id }: { id: string }) {
  const { api } = useClient();
  const found = useLoad(`record:${id}`, () => api.get<PersonRecord>(`/people/${id}/record`));
  return <Loaded from={found}>{(record) => <Shown record={record} />}</Loaded>;
}

function Shown({ record: { topics, influence, milestones, published, medians } }: { record: PersonRecord }) {
  const empty = (topics ?? []).length === 0 && influence === null && published === null;
  if (topics === null && influence === null && published === null && milestones === null) return <p class="meta part">{v.recordHidden}</p>;
  return (
    <>
      {!empty && (
        <section class="part">
          <h2 class="section-title">{v.record}</h2>
          <ul class="plain">
            {(topics ?? []).map(({ topic, evidence, expert }) => (
              <li key={topic}><a href={`/people/knows?topic=${encodeURIComponent(topic)}`} dir="auto">#{topic}</a> {evidence} {!expert && <span class="tag" title={v.emergingHint}>{v.emerging}</span>}</li>
            ))}
          </ul>
          {influence !== null && influence.contents > 0 && (
            <p class="meta">{v.influence(influence.contents, influence.people, influence.countries.length)} {influence.breadth > 1 && v.breadth(influence.breadth)}</p>
          )}
          {published !== null && <p class="meta num">{v.published(points(published.standing), published.level)}</p>}
        </section>
      )}
      {milestones !== null && milestones.length > 0 && <Built milestones={milestones} medians={medians} />}
    </>
  );
}

function Built({ milestones, medians }: { milestones: readonly Milestone[]; medians: readonly Median[] }) {
  const client = useClient();
  return (
    <section class="part">
      <h2 class="section-title">{v.built}</h2>
      <p class="meta">{v.builtHint}</p>
      <ol class="built">
        {milestones.map(({ name, at, post }) => {
          const median = medians.find((one) => one.name === name);
          return (
            <li key={name}>
              <span class="meta num">{day(at, client.now())}</span>{" "}
              {post === "" ? v.milestones[name] : <a href={`/t/${post}`}>{v.milestones[name] ?? name}</a>}
              {median && <span class="meta"> ({v.median(median.days, median.people)})</span>}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
