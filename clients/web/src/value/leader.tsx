/** How one answers as a leader: own months first, quartiles of nameless peers beside, what followed last. */

import { useClient } from "../client.ts";
import { number, percent } from "../format.ts";
import { Page } from "../pages/page.tsx";
import { unmarked } from "../text/safe.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { Time } from "../ui/time.tsx";
import { Bars } from "./bars.tsx";
import { type Beside, type FollowedReply, type Leading, type LeaderMonth, MEASURES, type Measure, type Quartiles, compared, dotsOf, whereOf } from "./leader-data.ts";
import { monthName } from "./months.ts";
import { Sections } from "./sections.tsx";
import { v } from "./words.ts";

const MINUTE_MS = 60_000;

export function LeaderPage() {
  const client = useClient();
  const found = useLoad("leader", () => client.api.get<Leading>("/leader"));
  return (
    <Page title={v.leading}>
      <Sections />
      <p class="lead">{v.leaderIntro}</p>
      {found.error?.status === 403 ? <p class="empty">{v.notLeading}</p> : <Loaded from={found}>{(data) => <Shown leading={data} />}</Loaded>}
    </Page>
  );
}

function Shown({ leading }: { leading: Leading }) {
  const beside = compared(leading);
  if (beside === null) return <p class="empty">{v.noMonths}</p>;
  const { month, peers } = beside;
  return (
    <>
      <p class="meta">{v.leads(leading.members)} {peersText(leading, beside)}</p>
      {MEASURES.map((measure) => (
        <Measured key={measure} measure={measure} months={leading.months} month={month} quartiles={peers?.quartiles[measure] ?? null} few={peers?.why === ""} />
      ))}
      <p class="part">{v.returned(month.returned, month.heard)}</p>
      <section class="part">
        <h2 class="section-title">{v.followed}</h2>
        {leading.followed.length === 0 && <p class="empty">{v.followedNone}</p>}
        <ul class="rows">{leading.followed.map((reply) => <Followed key={reply.reply} reply={reply} />)}</ul>
      </section>
    </>
  );
}

function peersText({ compare, span }: Leading, { month, peers }: Beside): string {
  if (compare !== "shown") return v.compare[compare] ?? "";
  if (peers === null || peers.why === "too_few") return v.tooFew(monthName(month.month));
  return v.comparedIn(monthName(peers.month), peers.people, span);
}

function told(measure: Measure, value: number): string {
  switch (measure) {
    case "reply_ms":
      return v.workingTime(Math.round(value / MINUTE_MS));
    case "countries":
      return number(value);
    default:
      return percent(value / 1000);
  }
}

interface MeasuredProps {
  measure: Measure;
  months: readonly LeaderMonth[];
  month: LeaderMonth;
  quartiles: Quartiles | null;
  /** There are peers, but too few of them with a figure of this kind. */
  few: boolean;
}

function Measured({ measure, months, month, quartiles, few }: MeasuredProps) {
  const name = v.measures[measure] ?? measure;
  const own = month[measure];
  return (
    <section class="part measure" data-measure={measure}>
      <div class="measure-head">
        <h2 class="section-title">{name}</h2>
        <p class="meta">{v.measureHints[measure]}</p>
      </div>
      <p class="measure-own num"><span class="big">{own === null ? "–" : told(measure, own)}</span> <span class="meta">{own === null ? v.nothingMeasured : monthName(month.month)}</span></p>
      {own !== null && quartiles !== null && <BesidePeers measure={measure} own={own} quartiles={quartiles} />}
      {quartiles === null && few && <p class="meta">{v.noQuartile}</p>}
      {months.some((one) => (one[measure] ?? 0) > 0) && <Bars label={v.overMonths(name)} bars={months.map((one) => barOf(measure, one))} />}
    </section>
  );
}

function barOf(measure: Measure, month: LeaderMonth) {
  const value = month[measure];
  const shown = value === null ? "" : told(measure, value);
  const running = month.provisional ? ` (${v.provisional})` : "";
  return { key: month.month, value, shown, text: `${monthName(month.month)}${running}: ${value === null ? v.nothingMeasured : shown}` };
}

/** A dot on a line with the middle half of the others: no colour says good or bad, and the words say it all. */
function BesidePeers({ measure, own, quartiles }: { measure: Measure; own: number; quartiles: Quartiles }) {
  const dots = dotsOf(measure, own, quartiles);
  const places = { "--own": `${dots.own}%`, "--from": `${dots.from}%`, "--middle": `${dots.middle}%`, "--to": `${dots.to}%` };
  return (
    <div class="dots" data-dots={measure}>
      <div class="dots-line" style={places} aria-hidden="true"><i class="dots-half" /><i class="dots-middle" /><i class="dots-own" /></div>
      <p class="meta num">
        {v.you}: {told(measure, own)}, {v.where[whereOf(measure, own, quartiles)]}. {v.quartiles(told(measure, quartiles.q1), told(measure, quartiles.median), told(measure, quartiles.q3))}
      </p>
    </div>
  );
}

function Followed({ reply }: { reply: FollowedReply }) {
  const came = [
    ...(reply.accepted ? [v.followedAccepted] : []),
    ...(reply.helpful > 0 ? [v.followedHelpful(reply.helpful)] : []),
    ...(reply.replies > 0 ? [v.followedReplies(reply.replies)] : []),
  ];
  return (
    <li class="value-row">
      <div class="grow">
        <a class="strong" href={`/t/${reply.root}#${reply.reply}`} dir="auto">{unmarked(reply.title) || v.untitled}</a>
        <p class="meta"><Time at={reply.at} />{came.map((one) => ` · ${one}`)}</p>
      </div>
    </li>
  );
}
