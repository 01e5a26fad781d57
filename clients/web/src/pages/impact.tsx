/** My impact: the ledger, line by line, each with its reasons. Private to the person. */

import { useEffect, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { points } from "../format.ts";
import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { announce } from "../ui/notice.tsx";
import { PersonLink } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";
import { type CreditLine, type Impact, withLine } from "./impact-data.ts";
import { Page } from "./page.tsx";

export function ImpactPage() {
  const client = useClient();
  const impact = useLoad("impact", () => client.api.get<Impact>("/me/impact"));
  return (
    <Page title={t.impact} beside={<section class="side-section"><p class="meta">{t.postingEarnsNothing}</p></section>}>
      <p class="lead">{t.impactIntro}</p>
      <Loaded from={impact}>{(data) => <Ledger fetched={data} />}</Loaded>
    </Page>
  );
}

function Ledger({ fetched }: { fetched: Impact }) {
  const { lines, fresh, total } = useLiveLines(fetched);
  return (
    <>
      <dl class="numbers">
        <div><dt>{t.total}</dt><dd class="big num" data-total={total}>{points(total)}</dd></div>
        <div><dt>{t.standing}</dt><dd class="big num">{points(fetched.standing)}</dd><dd class="meta">{t.standingHint}</dd></div>
        <div><dt>{t.level}</dt><dd class="big num">{fetched.level}</dd></div>
      </dl>
      <h2 class="section-title">{t.credits}</h2>
      {lines.length === 0
        ? <p class="empty">{t.noCredits}</p>
        : <ul class="credits">{lines.map((line) => <Credit key={line.act} line={line} fresh={fresh.has(line.act)} />)}</ul>}
    </>
  );
}

/** What was fetched, and what came since: every line that appears while one looks is marked. */
function useLiveLines(fetched: Impact): { lines: CreditLine[]; fresh: ReadonlySet<string>; total: number } {
  const { store } = useClient();
  const live = store.impact.value;
  const first = useRef(live);
  const [lines, setLines] = useState(fetched.lines);
  const known = useRef(new Set(fetched.lines.map((line) => line.act)));
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setLines(fetched.lines), [fetched]);
  useEffect(() => {
    const line = (live?.line ?? null) as CreditLine | null;
    if (live === first.current || line === null) return;
    setLines((shown) => withLine(shown, line));
    if (known.current.has(line.act)) return;
    known.current.add(line.act);
    setFresh((marked) => new Set([...marked, line.act]));
    announce(t.newCredit(points(line.milli_points)));
  }, [live]);
  return { lines, fresh, total: live === first.current ? fetched.total : (live?.total ?? fetched.total) };
}

function Credit({ line, fresh }: { line: CreditLine; fresh: boolean }) {
  const counted = line.status === "counted";
  return (
    <li class={counted ? "credit" : "credit void"} data-act={line.act}>
      <div class="credit-points num">{counted ? `+${points(line.milli_points)}` : points(0)}</div>
      <div class="grow">
        <p>
          {line.what} {fresh && <span class="fresh">{t.newMark}</span>}
        </p>
        {line.content_title && <p class="clip"><a href={`/t/${line.content}`} dir="auto">{unmarked(line.content_title)}</a></p>}
        <p class="meta">
          {line.by ? <PersonLink id={line.by} /> : line.by_text} · <Time at={line.at} />
        </p>
        {!counted && <p class="meta">{line.status_text}</p>}
        <details class="why">
          <summary>{t.why}</summary>
          <table>
            <tbody>
              <tr><th scope="row">{t.base}</th><td>{line.what}</td><td class="num">{line.base}</td></tr>
              {line.factors.map((factor) => (
                <tr key={factor.name}><th scope="row" class="num">{factor.factor_text}</th><td>{factor.reason}</td><td class="num">{points(factor.milli)}</td></tr>
              ))}
              <tr class="sum"><th scope="row">{t.counted}</th><td>{t.rulesVersion(line.rules)}</td><td class="num">{points(counted ? line.milli_points : 0)}</td></tr>
            </tbody>
          </table>
        </details>
      </div>
    </li>
  );
}
