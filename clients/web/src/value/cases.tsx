/** Cases: those about oneself, those one may decide, and one of them with its evidence and its decision. */

import { Fragment } from "preact";
import { useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { percent, points } from "../format.ts";
import { Page } from "../pages/page.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { PersonLink } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";
import { type Case, type Flow, type Outcome, mayDecide, outcomesOf } from "./cases-data.ts";
import type { CreditLine } from "./impact-data.ts";
import { Credit } from "./ledger.tsx";
import { Sections, useDecides } from "./sections.tsx";
import { v } from "./words.ts";

export function CasesPage() {
  return (
    <Page title={v.cases}>
      <Sections />
      <p class="lead">{v.casesIntro}</p>
      {useDecides() && <List title={v.casesToDecide} path="/cases" />}
      <List title={v.casesMine} path="/cases/mine" />
    </Page>
  );
}

function List({ title, path }: { title: string; path: string }) {
  const { api, store } = useClient();
  const told = store.caseTold.value;
  const found = useLoad(`${path}:${told?.case ?? ""}:${told?.state ?? ""}`, () => api.get<{ cases: Case[] }>(path));
  return (
    <section class="part">
      <h2 class="section-title">{title}</h2>
      <Loaded from={found}>
        {({ cases }) => cases.length === 0
          ? <p class="meta">{v.noCases}</p>
          : <ul class="rows">{cases.map((one) => <li key={one.case} class="value-row"><Row one={one} /></li>)}</ul>}
      </Loaded>
    </section>
  );
}

function Row({ one }: { one: Case }) {
  return (
    <div class="grow">
      <a class="strong" href={`/cases/${one.case}`}>{v.caseKinds[one.kind]}</a> <State one={one} />
      <p class="meta clamp" dir="auto">{one.reason}</p>
      <p class="meta"><Time at={one.opened_at} /></p>
    </div>
  );
}

function State({ one }: { one: Case }) {
  return (
    <>
      <span class="tag">{one.decision ? v.outcomes[one.decision.outcome] : v.caseStates[one.state]}</span>
      {one.held && <span class="tag">{v.caseHeld}</span>}
    </>
  );
}

export function CasePage({ id }: { id: string }) {
  const { api, store } = useClient();
  const told = store.caseTold.value;
  const found = useLoad(`case:${id}:${told?.case === id ? told.state : ""}`, () => api.get<{ case: Case; entry: CreditLine | null }>(`/cases/${id}`));
  return (
    <Page title={v.cases}>
      <Sections />
      <Loaded from={found}>{({ case: one, entry }) => <Whole one={one} entry={entry} changed={found.reload} />}</Loaded>
    </Page>
  );
}

function Whole({ one, entry, changed }: { one: Case; entry: CreditLine | null; changed: () => void }) {
  const { view } = useClient();
  const decides = useDecides();
  const { decision, evidence } = one;
  return (
    <>
      <h2 class="section-title">{v.caseKinds[one.kind]} <State one={one} /></h2>
      <p class="lead" dir="auto">{one.reason}</p>
      <p class="meta">
        {v.caseSince} <Time at={one.opened_at} /> {one.kind === "ring" ? v.caseByWatch : one.opened_by !== null && <>{v.caseBy} <PersonLink id={one.opened_by} /></>}
      </p>
      <p class="meta">
        {v.caseParties(one.people ?? one.parties.length)}{": "}
        {one.parties.map((person, at) => <Fragment key={person}>{at > 0 && ", "}<PersonLink id={person} /></Fragment>)}
      </p>
      {entry && <ul class="credits"><Credit line={entry} told /></ul>}
      {entry === null && one.content && <p><a href={`/t/${one.content}`}>{v.caseContent}</a></p>}
      {one.about && <p><a href={`/cases/${one.about}`}>{v.caseAppeals}</a></p>}
      {evidence && <Evidence share={evidence.share} quarter={one.quarter} flows={evidence.flows} />}
      {decision && (
        <section class="part example">
          <p class="strong">{v.outcomes[decision.outcome]}</p>
          <p dir="auto">{decision.reason}</p>
          <p class="meta">{v.decidedBy} <PersonLink id={decision.by} /> <Time at={decision.at} /></p>
        </section>
      )}
      {mayDecide(one, view.me, decides) ? <Decide one={one} changed={changed} /> : decides && <p class="meta">{v.caseYours}</p>}
    </>
  );
}

function Evidence({ share, quarter, flows }: { share: number; quarter: string; flows: readonly Flow[] }) {
  return (
    <section class="part">
      <h2 class="section-title">{v.caseEvidence}</h2>
      <p>{v.caseShare(percent(share / 1000), quarter)}</p>
      <div class="scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{v.caseGiver}</th><th scope="col">{v.caseAuthor}</th><th scope="col" class="figure">{v.caseContents}</th>
              <th scope="col" class="figure">{v.caseBase}</th><th scope="col" class="figure">{v.caseCounted}</th>
            </tr>
          </thead>
          <tbody>
            {flows.map((flow) => (
              <tr key={`${flow.giver} ${flow.author}`}>
                <td>{flow.giver === null ? v.caseSomebody : <PersonLink id={flow.giver} />}</td><td><PersonLink id={flow.author} /></td>
                <td class="num figure">{flow.contents}</td><td class="num figure">{points(flow.base)}</td><td class="num figure">{points(flow.counted)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Decide({ one, changed }: { one: Case; changed: () => void }) {
  const client = useClient();
  const [outcome, setOutcome] = useState<Outcome>(one.decision?.outcome ?? "dismissed");
  const [reason, setReason] = useState("");
  const hold = async (): Promise<void> => {
    const done = await act(client, { do: "case.hold", case: one.case, on: !one.held });
    if (done.ok) changed();
  };
  const decide = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await act(client, { do: "case.decide", case: one.case, outcome, reason: reason.trim() });
    if (!done.ok) return;
    setReason("");
    changed();
  };
  return (
    <form class="part stack" onSubmit={(event) => void decide(event)}>
      <fieldset class="choices">
        <legend class="strong">{one.decision ? v.decideAnew : v.decide}</legend>
        <p class="meta">{v.decideHint}</p>
        {outcomesOf(one).map((value) => (
          <label key={value} class="inline"><input type="radio" name="outcome" checked={outcome === value} onChange={() => setOutcome(value)} />{v.outcomes[value]}</label>
        ))}
      </fieldset>
      <textarea dir="auto" rows={3} required maxLength={500} aria-label={v.decideReason} placeholder={v.decideReason} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      <div class="buttons">
        {one.kind === "ring" && one.state === "open" && <button type="button" class="button quiet" onClick={() => void hold()}>{one.held ? v.unhold : v.hold}</button>}
        <button type="submit" class="button" disabled={reason.trim() === ""}>{one.decision ? v.decideAnew : v.decide}</button>
      </div>
    </form>
  );
}
