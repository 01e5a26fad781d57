/** My impact: what helped whom first, where one could help next, and the ledger last. Private to the person. */

import { useEffect, useRef } from "preact/hooks";

import { useClient } from "../client.ts";
import { number, points } from "../format.ts";
import { Page } from "../pages/page.tsx";
import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { useEvent } from "../ui/event.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { PersonLink } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";
import { type Bar, Bars } from "./bars.tsx";
import { type HelpfulContent, type Impact, type TrendMonth, type UsefulAct, isQuiet } from "./impact-data.ts";
import { Ledger } from "./ledger.tsx";
import { monthName } from "./months.ts";
import { numbersShown } from "./numbers.ts";
import { MyPlace } from "./place.tsx";
import { Sections } from "./sections.tsx";
import { v } from "./words.ts";

export function ImpactPage() {
  const client = useClient();
  const impact = useLoad("impact", () => client.api.get<Impact>("/me/impact"));
  const live = client.store.impact.value;
  const first = useRef(live);
  const reload = useEvent(impact.reload);
  // A credit that comes while one looks: the sentence above it is told anew.
  useEffect(() => { if (live !== first.current) reload(); }, [live, reload]);
  return (
    <Page title={t.impact} beside={<section class="side-section"><p class="meta">{t.postingEarnsNothing}</p></section>}>
      <Sections />
      <p class="lead">{v.impactIntro}</p>
      <Loaded from={impact}>{(data) => (data.scores === "off" ? <p class="empty">{v.scoresOff}</p> : <Shown impact={data} />)}</Loaded>
    </Page>
  );
}

function Shown({ impact }: { impact: Impact }) {
  const { month, trend, useful, named } = impact;
  return (
    <>
      <section class="part">
        <h2 class="section-title">{v.thisMonth}</h2>
        <p class="big helped">{month.people === 0 ? v.helpedNobodyYet : v.helped(month.people, month.countries)}</p>
        <ul class="rows">{month.contents.map((content) => <Helpful key={content.content} content={content} />)}</ul>
      </section>
      {trend.some(({ people }) => people > 0) && (
        <section class="part">
          <h2 class="section-title">{v.trend}</h2>
          <Bars label={v.trend} bars={trend.map(barOf)} />
        </section>
      )}
      {useful.length > 0 && (
        <section class="part">
          <h2 class="section-title">{v.nextUseful}</h2>
          <ul class="rows">{useful.map((act) => <Useful key={act.post} act={act} />)}</ul>
        </section>
      )}
      <Ledger fetched={impact} />
      <MyPlace />
      {named.map(({ quarter, at, by }) => <p key={`${quarter}${at}`} class="meta"><PersonLink id={by} />: {v.named(quarter, by)} <Time at={at} /></p>)}
      <section class="part">
        <h2 class="section-title">{v.takeAlong}</h2>
        <p class="row wrap">
          {["csv", "json"].map((format) => (
            <a key={format} href={`/api/v1/me/impact/export?format=${format}`} download>{v.exportAs(format.toUpperCase())}</a>
          ))}
        </p>
      </section>
    </>
  );
}

function barOf({ month, people }: TrendMonth): Bar {
  return { key: month, value: people, shown: people === 0 ? "" : number(people), text: v.trendBar(monthName(month), people) };
}

function Helpful({ content }: { content: HelpfulContent }) {
  const told = [v.helpedPeople(content.people), v.uses(content.kinds)];
  const shown = !isQuiet(content) || numbersShown.value;
  return (
    <li class="value-row">
      <div class="grow">
        <p class="clip"><a class="strong" href={`/t/${content.content}`} dir="auto">{unmarked(content.title) || v.untitled}</a></p>
        <p class="meta">{told.join(" · ")}</p>
      </div>
      {shown && <span class="value-points num">+{points(content.milli)}</span>}
    </li>
  );
}

function Useful({ act }: { act: UsefulAct }) {
  return (
    <li class="value-row">
      <div class="grow">
        <a class="strong" href={`/t/${act.post}`} dir="auto">{unmarked(act.title)}</a>
        <p class="meta"><Time at={act.at} />{act.topics.map((topic) => ` · #${topic}`)}{act.mine && ` · ${v.nextUsefulMine}`}</p>
      </div>
    </li>
  );
}
