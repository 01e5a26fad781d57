/** The dialogs a post can open: edit, delete, erase, history, report, hide. */

import type { Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { useRefusedEdit } from "./pending.tsx";
import { go as leadTo } from "../router.ts";
import { t } from "../strings.ts";
import { Markdown } from "../text/markdown.tsx";
import { mentionedIn } from "../text/mentions.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { tell } from "../ui/notice.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";
import { Time } from "../ui/time.tsx";
import { HideDialog } from "./hide.tsx";
import { MoveIdeaDialog } from "./move-idea.tsx";
import type { Ask } from "./post-menu.tsx";

export function Asking({ post, what, onClose }: { post: Post; what: Ask | null; onClose: () => void }) {
  switch (what) {
    case "edit":
      return <EditDialog post={post} onClose={onClose} />;
    case "delete":
      return <DeleteDialog post={post} onClose={onClose} />;
    case "erase":
      return <EraseDialog post={post} onClose={onClose} />;
    case "history":
      return <HistoryDialog post={post} onClose={onClose} />;
    case "report":
      return <ReportDialog post={post} onClose={onClose} />;
    case "hide":
      return <HideDialog post={post} onClose={onClose} />;
    case "move":
      return <MoveIdeaDialog post={post} onClose={onClose} />;
    case null:
      return null;
  }
}

interface Props {
  post: Post;
  onClose: () => void;
}

/** Begins with the words of an edit that was refused, if there is one. */
function EditDialog({ post, onClose }: Props) {
  const client = useClient();
  const sending = useSending(onClose);
  const refused = useRefusedEdit(post.id);
  const [title, setTitle] = useState(refused?.command.title ?? post.title);
  const [text, setText] = useState(refused?.command.text ?? post.text);
  const [reason, setReason] = useState(refused?.command.reason ?? "");
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (refused !== null) client.outbox.discard(refused.entry.key);
    const done = await sending.send({ do: "post.edit", post: post.id, title, text, topics: post.topics, mentions: mentionedIn(text), reason });
    if (done !== null) onClose();
  };
  return (
    <Dialog title={t.edit} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void save(event)}>
        {post.title !== "" && <label>{t.titleLabel}<input type="text" value={title} maxLength={200} dir="auto" onInput={(event) => setTitle(event.currentTarget.value)} /></label>}
        <label>{t.text}<textarea value={text} rows={8} dir="auto" onInput={(event) => setText(event.currentTarget.value)} /></label>
        <label>{t.editReason}<input type="text" value={reason} maxLength={500} dir="auto" onInput={(event) => setReason(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal || (refused?.entry.error?.message ?? "")} />
        <Buttons onClose={onClose} go={t.save} />
      </form>
    </Dialog>
  );
}

function DeleteDialog({ post, onClose }: Props) {
  const client = useClient();
  const remove = (event: Event): void => {
    event.preventDefault();
    void act(client, { do: "post.delete", post: post.id });
    onClose();
  };
  return (
    <Dialog title={t.confirmDelete} onClose={onClose}>
      <form class="stack" onSubmit={remove}>
        <p>{t.confirmDeleteHint}</p>
        <Buttons onClose={onClose} go={t.delete} danger />
      </form>
    </Dialog>
  );
}

function EraseDialog({ post, onClose }: Props) {
  const sending = useSending(onClose);
  const [reason, setReason] = useState("");
  const erase = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "content.erase", scope: "post", target: post.id, reason });
    if (done === null) return;
    onClose();
    const [request] = done["requests"] as string[];
    if (request !== undefined) leadTo(`/erasures/${request}`);
  };
  return (
    <Dialog title={t.confirmErase} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void erase(event)}>
        <p>{t.confirmEraseHint}</p>
        <p>{t.confirmEraseStays}</p>
        <label>{t.eraseReason}<input type="text" value={reason} maxLength={500} dir="auto" onInput={(event) => setReason(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <Buttons onClose={onClose} go={t.eraseNow} danger />
      </form>
    </Dialog>
  );
}

function ReportDialog({ post, onClose }: Props) {
  const sending = useSending(onClose);
  const [reason, setReason] = useState("");
  const report = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "flag.raise", target: post.id, reason });
    if (done === null) return;
    onClose();
    tell(t.reported);
  };
  return (
    <Dialog title={t.report} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void report(event)}>
        <label>{t.reportReason}<textarea value={reason} rows={3} maxLength={500} required dir="auto" onInput={(event) => setReason(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <Buttons onClose={onClose} go={t.report} />
      </form>
    </Dialog>
  );
}

function Buttons({ onClose, go, danger = false }: { onClose: () => void; go: string; danger?: boolean }) {
  return (
    <div class="buttons">
      <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
      <button type="submit" class={danger ? "button danger" : "button"}>{go}</button>
    </div>
  );
}

interface Revision {
  rev: number;
  title: string;
  text: string;
  reason: string;
  at: number;
}

function HistoryDialog({ post, onClose }: Props) {
  const { api } = useClient();
  const history = useLoad(`history:${post.id}:${post.rev}`, () => api.get<{ revisions: Revision[] }>(`/posts/${post.id}/history`));
  return (
    <Dialog title={post.hidden ? t.readHidden : t.history} onClose={onClose}>
      <Loaded from={history}>
        {({ revisions }) => (
          <ol class="history" reversed>
            {revisions.toSorted((a, b) => b.rev - a.rev).map((revision, index) => (
              <li key={revision.rev}>
                <p class="meta">
                  {index === 0 ? t.currentRevision : t.revision(revision.rev)}{revision.at > 0 && <> · <Time at={revision.at} /></>}
                  {revision.reason !== "" && <> · <span dir="auto">{revision.reason}</span></>}
                </p>
                {revision.title !== "" && <p class="strong" dir="auto">{revision.title}</p>}
                <Markdown text={revision.text} mentions={post.mentions} below={2} />
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Dialog>
  );
}
