/** Where a reply is written. What is typed is kept as a draft until it is sent. */

import type { Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { useDraft } from "../compose/draft.ts";
import { Textbox } from "../compose/textbox.tsx";
import { t } from "../strings.ts";
import { mentionedIn } from "../text/mentions.ts";
import { usePerson } from "../ui/person.tsx";

interface Props {
  parent: Post;
  label: string;
  onDone?: () => void;
  autofocus?: boolean;
}

export function ReplyBox({ parent, label, onDone, autofocus = false }: Props) {
  const client = useClient();
  const draft = useDraft(`reply:${parent.id}`, "");
  const [open, setOpen] = useState(autofocus || draft.value !== "");
  const { name } = usePerson(parent.author);
  const question = parent.kind === "question";
  const channel = `t:${parent.root}`;
  const type = (text: string): void => {
    draft.set(text);
    if (text !== "") client.typing(channel);
  };
  const send = (event: Event): void => {
    event.preventDefault();
    const text = draft.value.trim();
    if (text === "") return;
    // Its state shows in the thread itself, refusal included.
    void client.do({ do: "reply.publish", parent: parent.id, text, mentions: mentionedIn(text) });
    draft.set("");
    client.typed(channel);
    setOpen(false);
    onDone?.();
  };
  return (
    <form class="reply-box" onSubmit={send}>
      <Textbox
        value={draft.value} onInput={type} rows={open ? 4 : 1} autofocus={autofocus} onFocus={() => setOpen(true)} submit={send}
        label={autofocus ? t.replyTo(name) : question ? t.writeAnswer : t.writeReply}
      />
      {open && <div class="buttons"><span class="meta grow">{t.mentionHint}</span><button type="submit" class="button" disabled={draft.value.trim() === ""}>{label}</button></div>}
    </form>
  );
}
