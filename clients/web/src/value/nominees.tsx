/** Nominees of a quarter, for who prepares a committee's decision. Taking the list is written down: so it is asked for. */

import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { points } from "../format.ts";
import { Page } from "../pages/page.tsx";
import { unmarked } from "../text/safe.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { quarters } from "./months.ts";
import { Sections } from "./sections.tsx";
import { v } from "./words.ts";

const QUARTERS = 5;

interface Evidence { content: string; title: string; kinds: Record<string, number>; milli: number }
interface Nominee {
  community: string;
  community_name: string;
  person: string;
  name: string;
  unit: string;
  milli: number;
  helped: number;
  units: number;
  countries: number;
  evidence: Evidence[];
}
interface Nominees { quarter: string; rule: string; provisional: boolean; nominees: Nominee[]; unnamed: number | null }

export function NomineesPage() {
  const client = useClient();
  const all = quarters(client.now(), QUARTERS);
  const [quarter, setQuarter] = useState(all[0] ?? "");
  const [asked, setAsked] = useState("");
  return (
    <Page title={v.nominees}>
      <Sections />
      <p class="lead">{v.nomineesIntro}</p>
      <form class="row wrap" onSubmit={(event) => { event.preventDefault(); setAsked(quarter); }}>
        <label class="inline">
          <span class="meta">{v.quarter}</span>
          <select value={quarter} onChange={(event) => setQuarter(event.currentTarget.value)}>{all.map((one) => <option key={one} value={one}>{one}</option>)}</select>
        </label>
        <button type="submit" class="button">{v.takeList}</button>
        <a href={`/api/v1/recognition/export?quarter=${quarter}`} download>{v.asCsv}</a>
      </form>
      {asked !== "" && <List key={asked} quarter={asked} />}
    </Page>
  );
}

function List({ quarter }: { quarter: string }) {
  const { api } = useClient();
  const found = useLoad(`nominees:${quarter}`, () => api.get<Nominees>("/recognition", { quarter }));
  return (
    <Loaded from={found}>
      {({ rule, provisional, nominees, unnamed }) => (
        <section class="part">
          <p class="meta">{rule} {provisional && v.provisionalQuarter}</p>
          {nominees.length === 0 && <p class="empty">{v.noNominees}</p>}
          <ul class="rows">{nominees.map((one) => <li key={one.community + one.person}><Named one={one} /></li>)}</ul>
          {unnamed !== null && <p class="meta">{v.unnamed(unnamed)}</p>}
        </section>
      )}
    </Loaded>
  );
}

function Named({ one }: { one: Nominee }) {
  return (
    <div class="known">
      <Avatar id={one.person} name={one.name} />
      <div class="grow">
        <span class="person-name"><a href={`/p/${one.person}`} dir="auto">{one.name}</a></span>
        <p class="meta" dir="auto">{one.unit} · <a href={`/c/${one.community}`}>{one.community_name}</a></p>
        <p>{v.nominee(one.helped, one.units, one.countries)} · <span class="num">{points(one.milli)}</span></p>
        <details class="why">
          <summary>{v.showEvidence}</summary>
          <ul class="plain">
            {one.evidence.map(({ content, title, kinds }) => <li key={content}><a href={`/t/${content}`} dir="auto">{unmarked(title) || v.untitled}</a> <span class="meta">{v.uses(kinds)}</span></li>)}
          </ul>
        </details>
      </div>
    </div>
  );
}
