/** Own posts and replies which the node has not confirmed: shown where they will stand, with their state. */

import type { EditPost, Entry } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { letGo } from "../compose/draft.ts";
import { t } from "../strings.ts";
import { Markdown } from "../text/markdown.tsx";
import { Icon } from "../ui/icon.tsx";
import { PersonAvatar, PersonLink } from "../ui/person.tsx";
import { WriteAgain } from "./again.tsx";

const NOBODY: readonly string[] = [];

/** Posts on their way to a place, or to any; those the store already holds are left to it. */
export function usePendingPosts(place?: string): readonly Entry[] {
  const { view, store } = useClient();
  return view.pending.value.filter(({ command, answer }) => {
    if (command.do !== "post.publish" || (place !== undefined && command.place !== place)) return false;
    return store.post(String(answer?.["post"] ?? "")).value === undefined;
  });
}

export function usePendingReplies(parents: ReadonlySet<string>): readonly Entry[] {
  const { view, store } = useClient();
  return view.pending.value.filter(({ command, answer }) => {
    if (command.do !== "reply.publish" || !parents.has(command.parent)) return false;
    return store.post(String(answer?.["post"] ?? "")).value === undefined;
  });
}

/** The newest edit of a post that was refused. */
export function useRefusedEdit(post: string): { entry: Entry; command: EditPost } | null {
  const entry = useClient().view.pending.value.findLast(({ command, state }) => state === "failed" && command.do === "post.edit" && command.post === post);
  return entry?.command.do === "post.edit" ? { entry, command: entry.command } : null;
}

/** What was refused of an edit stays at its post, words and all, until its author has done something about it. */
export function RefusedEdit({ post, edit }: { post: string; edit: () => void }) {
  const refused = useRefusedEdit(post);
  if (refused === null) return null;
  return (
    <p class="failed" role="alert">
      <Refused entry={refused.entry} words={t.editNotSaved} /> <button type="button" class="link" onClick={edit}>{t.edit}</button>
    </p>
  );
}

export function PendingPost({ entry }: { entry: Entry }) {
  const { view } = useClient();
  const [changing, setChanging] = useState(false);
  const { command } = entry;
  if (command.do !== "post.publish" && command.do !== "reply.publish") return null;
  if (changing && entry.state === "failed") {
    return <article class="post pending" data-state={entry.state}><WriteAgain entry={entry} command={command} close={() => setChanging(false)} /></article>;
  }
  return (
    <article class="post pending" data-state={entry.state}>
      <PersonAvatar id={view.me} />
      <div class="post-main">
        <div class="post-head"><PersonLink id={view.me} /> <PendingState entry={entry} change={() => setChanging(true)} /></div>
        {command.do === "post.publish" && command.title && <p class="post-title" dir="auto">{command.title}</p>}
        {command.text && <Markdown text={command.text} mentions={command.mentions ?? NOBODY} below={2} />}
        {command.attachments && <p class="meta">{t.filesCount(command.attachments.length)}</p>}
      </div>
    </article>
  );
}

function PendingState({ entry, change }: { entry: Entry; change: () => void }) {
  const client = useClient();
  if (entry.state === "failed") {
    return (
      <span class="failed" role="alert">
        <Refused entry={entry} words={t.notSent} /> <button type="button" class="link" onClick={change}>{t.edit}</button>
      </span>
    );
  }
  const waiting = entry.state === "waiting" && client.phase.value !== "live";
  return <span class="meta"><Icon name="clock" size={14} /> {waiting ? t.waitingForNetwork : t.sending}</span>;
}

function Refused({ entry, words }: { entry: Entry; words: string }) {
  const client = useClient();
  return (
    <>
      <Icon name="warning" size={16} /> {words} {entry.error?.message}{" "}
      <button type="button" class="link" onClick={() => client.outbox.retry(entry.key)}>{t.sendAgain}</button>{" "}
      <button type="button" class="link" onClick={() => letGo(client, entry.key)}>{t.discard}</button>
    </>
  );
}
