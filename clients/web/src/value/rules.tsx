/** The rules, for everybody to read: one page made of the rules file, with an example to reckon along. */

import { useClient } from "../client.ts";
import { number, points } from "../format.ts";
import { Page } from "../pages/page.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { type RulesVersion, changesOf, exampleOf, knowledgeOf, standingOf } from "./rules-data.ts";
import { Sections } from "./sections.tsx";
import { v } from "./words.ts";

export function RulesPage() {
  const { api } = useClient();
  const found = useLoad("rules", () => api.get<{ versions: RulesVersion[] }>("/scoring/rules"));
  return (
    <Page title={v.rules}>
      <Sections />
      <p class="lead">{v.rulesIntro}</p>
      <Loaded from={found}>{({ versions }) => <>{versions.map((version) => <Version key={version.id} version={version} />)}</>}</Loaded>
    </Page>
  );
}

function Version({ version }: { version: RulesVersion }) {
  const { id, effective, acts, rulings } = version;
  return (
    <article class="rules" aria-label={id}>
      <h2 class="section-title">{id}, {v.rulesSince(effective)}</h2>
      <Example version={version} />
      <h3>{v.actsTitle}</h3>
      <table class="table">
        <thead><tr><th scope="col">{v.act}</th><th scope="col" class="figure">{v.pointsColumn}</th></tr></thead>
        <tbody>{acts.map((act) => <tr key={act.kind}><td>{act.text}</td><td class="num figure">{number(act.points)}</td></tr>)}</tbody>
      </table>
      <h3>{v.changes}</h3>
      <Sentences all={changesOf(version)} />
      <h3>{v.afterwards}</h3>
      <ul class="plain">{rulings.map((ruling) => <li key={ruling.kind}><span class="tag">{v.statuses[ruling.status] ?? ruling.status}</span> {ruling.text}</li>)}</ul>
      <h3>{v.standingTitle}</h3>
      <Sentences all={standingOf(version)} />
      <h3>{v.knowsTitle}</h3>
      <Sentences all={knowledgeOf(version)} />
    </article>
  );
}

function Sentences({ all }: { all: readonly string[] }) {
  return <ul class="plain">{all.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>;
}

function Example({ version }: { version: RulesVersion }) {
  const example = exampleOf(version);
  if (example === null) return null;
  return (
    <aside class="example" aria-label={v.example}>
      <h3>{v.example}</h3>
      <p class="num">{v.exampleSteps(points(example.base), number(example.share / 1000), points(example.first), example.second / 1000, points(example.again))}</p>
    </aside>
  );
}
