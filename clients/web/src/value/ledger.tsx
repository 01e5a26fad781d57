/** The ledger, line by line, each with its reasons. Points of quiet communities are for who asks for them. */

import { useEffect, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { points } from "../format.ts";
import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { Icon } from "../ui/icon.tsx";
import { announce, complain } from "../ui/notice.tsx";
import { PersonLink } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";
import { DisputeDialog } from "./dispute.tsx";
import { type CreditLine, type Impact, isQuiet, mayDispute, sumsAreQuiet, withLine } from "./impact-data.ts";
import { numbersShown, showNumbers } from "./numbers.ts";
import { v } from "./words.ts";

/** The story comes first: of the ledger a glance, and more for who asks. */
const LINES_FIRST = 10;
const LINES_MORE = 50;

export function Ledger({ fetched }: { fetched: Impact }) {
  const { lines, fresh, total, more } = useLiveLines(fetched);
  const [count, setCount] = useState(LINES_FIRST);
  const quiet = lines.some(isQuiet);
  const further = count < lines.length ? () => setCount(count + LINES_MORE) : more && (() => { setCount(count + LINES_MORE); more(); });
  return (
    <section class="part">
      <h2 class="section-title">{t.credits}</h2>
      {quiet && (
        <label class="inline choice">
          <input type="checkbox" checked={numbersShown.value} onChange={(event) => showNumbers(event.currentTarget.checked)} />
          <span>{v.showNumbers}<span class="meta block">{v.numbersHint}</span></span>
        </label>
      )}
      {(numbersShown.value || !sumsAreQuiet(lines)) && <Sums fetched={fetched} total={total} />}
      {lines.length === 0
        ? <p class="empty">{t.noCredits}</p>
        : <ul class="credits">{lines.slice(0, count).map((line) => <Credit key={line.act} line={line} fresh={fresh.has(line.act)} />)}</ul>}
      {further !== null && <button type="button" class="button quiet wide" onClick={further}>{v.older}</button>}
    </section>
  );
}

function Sums({ fetched, total }: { fetched: Impact; total: number }) {
  return (
    <dl class="numbers">
      <div><dt>{t.total}</dt><dd class="big num" data-total={total}>{points(total)}</dd></div>
      <div><dt>{t.standing}</dt><dd class="big num">{points(fetched.standing)}</dd><dd class="meta">{t.standingHint}</dd></div>
      <div><dt>{t.level}</dt><dd class="big num">{fetched.level}</dd></div>
    </dl>
  );
}

interface Lines {
  lines: CreditLine[];
  fresh: ReadonlySet<string>;
  total: number;
  /** Fetches the next older ones; null when all are here. */
  more: (() => void) | null;
}

/** What was fetched, and what came since: every line that appears while one looks is marked. */
function useLiveLines(fetched: Impact): Lines {
  const { api, store } = useClient();
  const live = store.impact.value;
  const first = useRef(live);
  const [lines, setLines] = useState(fetched.lines);
  const [next, setNext] = useState(fetched.next);
  const deeper = useRef(false);
  const known = useRef(new Set(fetched.lines.map((line) => line.act)));
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  // Fetched again after something came: what was asked for below stays.
  useEffect(() => {
    setLines((shown) => [...fetched.lines, ...shown.filter(({ act }) => !fetched.lines.some((line) => line.act === act))]);
    if (!deeper.current) setNext(fetched.next);
  }, [fetched]);
  useEffect(() => {
    const line = (live?.line ?? null) as CreditLine | null;
    if (live === first.current || line === null) return;
    setLines((shown) => withLine(shown, line));
    if (known.current.has(line.act)) return;
    known.current.add(line.act);
    setFresh((marked) => new Set([...marked, line.act]));
    announce(numbersShown.value ? t.newCredit(points(line.milli_points)) : v.newUse);
  }, [live]);
  const older = async (before: string): Promise<void> => {
    const page = await api.get<Pick<Impact, "lines" | "next">>("/me/impact/lines", { before });
    setLines((shown) => [...shown, ...page.lines.filter(({ act }) => !shown.some((line) => line.act === act))]);
    deeper.current = true;
    setNext(page.next);
  };
  return {
    lines, fresh, total: live === first.current ? fetched.total : (live?.total ?? fetched.total),
    more: next === null ? null : () => void older(next).catch((error: Error) => complain(error.message)),
  };
}

/** ``told``: with its figures, whatever its community keeps quiet about. */
export function Credit({ line, fresh = false, told = numbersShown.value || !isQuiet(line) }: { line: CreditLine; fresh?: boolean; told?: boolean }) {
  const counted = line.status === "counted";
  return (
    <li class={counted ? "credit" : "credit void"} data-act={line.act}>
      <div class="credit-points num">
        {told ? (counted ? `+${points(line.milli_points)}` : points(0)) : counted && <><Icon name="check" /><span class="unseen">{v.quietLine}</span></>}
      </div>
      <div class="grow">
        <p>
          {line.what} {fresh && <span class="fresh">{t.newMark}</span>} {!counted && <span class="tag">{v.statuses[line.status] ?? line.status}</span>}
        </p>
        {line.content_title && <p class="clip"><a href={`/t/${line.content}`} dir="auto">{unmarked(line.content_title)}</a></p>}
        <p class="meta">
          {line.by ? <PersonLink id={line.by} /> : line.by_text} · <Time at={line.at} />
        </p>
        {line.status_text !== "" && <p class="meta">{line.status_text}</p>}
        {told && <Why line={line} counted={counted} />}
        <Review line={line} />
      </div>
    </li>
  );
}

/** Where the case about a line is, or how to open one. */
function Review({ line }: { line: CreditLine }) {
  const [asking, setAsking] = useState(false);
  return (
    <p class="meta row wrap">
      {line.case && <a href={`/cases/${line.case.case}`}>{line.case.state === "open" ? v.caseOpen : v.caseDecided}</a>}
      {mayDispute(line) && <button type="button" class="link" onClick={() => setAsking(true)}>{v.dispute}</button>}
      {asking && <DisputeDialog line={line} onClose={() => setAsking(false)} />}
    </p>
  );
}

function Why({ line, counted }: { line: CreditLine; counted: boolean }) {
  return (
    <details class="why">
      <summary>{t.why}</summary>
      <table>
        <tbody>
          <tr><th scope="row">{t.base}</th><td>{line.what}</td><td class="num">{line.base}</td></tr>
          {line.factors.map((factor) => (
            <tr key={factor.name}><th scope="row" class="num">{factor.factor_text}</th><td>{factor.reason}</td><td class="num">{points(factor.milli)}</td></tr>
          ))}
          <tr class="sum"><th scope="row">{t.counted}</th><td><a href="/rules">{t.rulesVersion(line.rules)}</a></td><td class="num">{points(counted ? line.milli_points : 0)}</td></tr>
        </tbody>
      </table>
    </details>
  );
}
