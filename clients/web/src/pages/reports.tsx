/** What readers reported of a community, for its moderators: those that wait for an answer, and those that have one. */

import type { Bundle, Post } from "@tap/sdk";
import { useEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { moderatesHere, useCommunity } from "../communities.ts";
import { PostCard } from "../post/card.tsx";
import { HideReason } from "../post/hide.tsx";
import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { tell } from "../ui/notice.tsx";
import { usePerson } from "../ui/person.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";
import { CommunityHead } from "./community-head.tsx";
import { LoadedPage, Page } from "./page.tsx";
import { type Answer, type Report, allReports, answerOf, answersLeft, parted } from "./reports-data.ts";

/** Each is fetched and watched while it is shown. */
const SHOWN_AT_ONCE = 20;

export function ReportsPage({ id }: { id: string }) {
  return (
    <LoadedPage from={useCommunity(id)}>
      {({ community, members }) => (
        <Page title={`${community.name}: ${t.reports}`} heading="own">
          <CommunityHead community={community} members={members} />
          <Reports id={id} home={community.home} />
        </Page>
      )}
    </LoadedPage>
  );
}

function Reports({ id, home }: { id: string; home: string }) {
  const client = useClient();
  const found = useLoad(`reports:${id}`, () => allReports(client.api, id));
  const here = home === client.store.region.value;
  return (
    <Loaded from={found}>
      {(reports) => {
        if (reports.length === 0) return <p class="empty">{t.noReports}</p>;
        const { open, answered } = parted(reports);
        return (
          <>
            {!here && <p class="lead">{t.moderatedElsewhere(home.toUpperCase())}</p>}
            <List title={t.reportsOpen} reports={open} changed={found.reload} />
            {answered.length > 0 && <List title={t.reportsAnswered} reports={answered} changed={found.reload} />}
          </>
        );
      }}
    </Loaded>
  );
}

function List({ title, reports, changed }: { title: string; reports: readonly Report[]; changed: () => void }) {
  const [shown, setShown] = useState(SHOWN_AT_ONCE);
  return (
    <section class="part" aria-label={title}>
      <h2 class="section-title">{title}</h2>
      {reports.length === 0 && <p class="meta">{t.noOpenReports}</p>}
      <ul class="rows">
        {reports.slice(0, shown).map((report, at) => <li key={report.post} class="report"><Row report={report} at={at + 1} changed={changed} /></li>)}
      </ul>
      {reports.length > shown && <button type="button" class="button quiet wide" onClick={() => setShown(shown + SHOWN_AT_ONCE)}>{t.more}</button>}
    </section>
  );
}

function Row({ report, at, changed }: { report: Report; at: number; changed: () => void }) {
  const client = useClient();
  const found = useLoad(`reported:${report.post}`, () => client.load<Bundle>(`/posts/${report.post}`));
  const post = client.view.post(report.post).value;
  const cursor = found.data?.cursor;
  const root = post?.root;
  useEffect(() => (cursor === undefined || root === undefined ? undefined : client.watch(`t:${root}`, cursor)), [client, cursor, root]);
  return (
    <Loaded from={found}>
      {() => post && (
        <>
          <PostCard id={post.id} at={at} showPlace={false} />
          <Said report={report} post={post} changed={changed} />
        </>
      )}
    </Loaded>
  );
}

function Said({ report, post, changed }: { report: Report; post: Post; changed: () => void }) {
  const client = useClient();
  const { name } = usePerson(post.author);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const count = report.reasons.length;
  const answered = answerOf(report);
  return (
    <>
      <div role="group" class="example" aria-label={t.reportsOf(count, name)}>
        <p class="strong num">{t.reportCount(count)}</p>
        <ul class="plain">{report.reasons.map((reason, at) => <li key={at} dir="auto">{reason}</li>)}</ul>
        {answered !== "" && <p class="meta">{answered}</p>}
        {moderatesHere(client, post.place) && (
          <div class="buttons">
            {answersLeft(report, post).map((one) => (
              <button key={one} type="button" class={report.resolved || one === "wrong" ? "button quiet" : "button"} onClick={() => setAnswer(one)}>{labels[one]}</button>
            ))}
          </div>
        )}
      </div>
      {answer !== null && <AnswerDialog report={report} post={post} answer={answer} changed={changed} onClose={() => setAnswer(null)} />}
    </>
  );
}

const labels: Record<Answer, string> = { wrong: t.nothingWrong, hide: t.hideIt, right: t.reportsRight };

interface Props {
  report: Report;
  post: Post;
  answer: Answer;
  changed: () => void;
  onClose: () => void;
}

function AnswerDialog({ report, post, answer, changed, onClose }: Props) {
  const sending = useSending(onClose);
  const [reason, setReason] = useState("");
  const [note, setNote] = useState("");
  const give = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { post: target, seen } = report;
    const hidden = answer !== "hide" || await sending.send({ do: "moderation.act", target, act: "hide", on: true, reason: reason.trim() });
    // Only what is hidden is answered as if it were.
    if (hidden === null) return;
    const done = await sending.send({ do: "flag.resolve", target, upheld: answer !== "wrong", note: note.trim(), seen });
    if (done === null) return;
    onClose();
    tell(t.reportsDone);
    changed();
  };
  return (
    <Dialog title={labels[answer]} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void give(event)}>
        {answer === "hide" && <HideReason value={reason} set={setReason} />}
        {answer === "wrong" && post.hidden_for !== "" && <p>{t.staysHidden}</p>}
        <label>{t.answerNote}<input type="text" value={note} maxLength={500} dir="auto" onInput={(event) => setNote(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class={answer === "hide" ? "button danger" : "button"}>{labels[answer]}</button>
        </div>
      </form>
    </Dialog>
  );
}
