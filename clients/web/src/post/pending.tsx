/** Own posts and replies which the node has not confirmed: shown where they will stand, with their state. */

import type { Entry } from "@tap/sdk";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Markdown } from "../text/markdown.tsx";
import { Icon } from "../ui/icon.tsx";
import { PersonAvatar, PersonLink } from "../ui/person.tsx";

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

export function PendingPost({ entry }: { entry: Entry }) {
  const { view } = useClient();
  const { command } = entry;
  if (command.do !== "post.publish" && command.do !== "reply.publish") return null;
  return (
    <article class="post pending" data-state={entry.state}>
      <PersonAvatar id={view.me} />
      <div class="post-main">
        <div class="post-head"><PersonLink id={view.me} /> <PendingState entry={entry} /></div>
        {command.do === "post.publish" && command.title && <p class="post-title" dir="auto">{command.title}</p>}
        {command.text && <Markdown text={command.text} mentions={command.mentions ?? NOBODY} below={2} />}
        {command.attachments && <p class="meta">{t.filesCount(command.attachments.length)}</p>}
      </div>
    </article>
  );
}

function PendingState({ entry }: { entry: Entry }) {
  const client = useClient();
  if (entry.state === "failed") {
    return (
      <span class="failed" role="alert">
        <Icon name="warning" size={16} /> {t.notSent} {entry.error?.message}{" "}
        <button type="button" class="link" onClick={() => client.outbox.retry(entry.key)}>{t.sendAgain}</button>{" "}
        <button type="button" class="link" onClick={() => client.outbox.discard(entry.key)}>{t.discard}</button>
      </span>
    );
  }
  const waiting = entry.state === "waiting" && client.phase.value !== "live";
  return <span class="meta"><Icon name="clock" size={14} /> {waiting ? t.waitingForNetwork : t.sending}</span>;
}
