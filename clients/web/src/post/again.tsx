/** A refused post, reply or message, in the box it came from, to be changed and sent anew. */

import type { Entry, PublishPost, PublishReply } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { Composer } from "../compose/composer.tsx";
import { compositionOf, filesOf } from "../compose/composition.ts";
import { type Again, letGo } from "../compose/draft.ts";
import { t } from "../strings.ts";
import { ReplyBox } from "../thread/reply-box.tsx";
import { lazy } from "../ui/lazy.tsx";

const Write = lazy(async () => (await import("../value/messages.tsx")).Write, "part");

interface Props<C> {
  entry: Entry;
  command: C;
  close: () => void;
}

export function WriteAgain({ command, ...rest }: Props<PublishPost | PublishReply>) {
  if (command.do === "reply.publish") return <ReplyAgain command={command} {...rest} />;
  if (command.kind === "message") return <MessageAgain command={command} {...rest} />;
  return <PostAgain command={command} {...rest} />;
}

function useAgain<T>({ entry, close }: Omit<Props<unknown>, "command">, read: () => T): Again<T> {
  const client = useClient();
  // Read once: what is not changed is no draft.
  const [was] = useState(read);
  return { key: entry.key, was, refusal: entry.error?.message ?? "", close, settle: () => letGo(client, entry.key) };
}

function PostAgain({ command, ...rest }: Props<PublishPost>) {
  const { view } = useClient();
  const { was, ...again } = useAgain(rest, () => compositionOf(command, rest.entry.at, (id) => view.person(id).peek()?.name ?? id));
  return was && <Composer again={{ was, ...again }} />;
}

function ReplyAgain({ command, ...rest }: Props<PublishReply>) {
  const parent = useClient().view.post(command.parent).value;
  const again = useAgain(rest, () => ({ text: command.text, files: filesOf(command.attachments ?? []) }));
  return parent ? <ReplyBox parent={parent} label={parent.kind === "question" ? t.answer : t.reply} again={again} /> : null;
}

function MessageAgain({ command, ...rest }: Props<PublishPost>) {
  return <Write id={command.place.slice(2)} again={useAgain(rest, () => command.text ?? "")} />;
}
