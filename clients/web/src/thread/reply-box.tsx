/** Where a reply is written. What is typed is kept as a draft until it is sent. */

import type { Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { type Attached, attachmentsOf } from "../compose/composition.ts";
import { type Again, againKeys, useDraft } from "../compose/draft.ts";
import { AttachButton, FilesField, useUploads } from "../compose/files.tsx";
import { Textbox } from "../compose/textbox.tsx";
import { announceSending } from "../act.ts";
import { t } from "../strings.ts";
import { mentionedIn } from "../text/mentions.ts";
import { usePerson } from "../ui/person.tsx";
import { Refusal } from "../ui/sending.tsx";

interface Props {
  parent: Post;
  label: string;
  onDone?: () => void;
  autofocus?: boolean;
  again?: Again<{ text: string; files: Attached[] }>;
}

const NO_FILES: Attached[] = [];

export function ReplyBox({ parent, label, onDone, autofocus = false, again }: Props) {
  const client = useClient();
  const keys = again === undefined ? { words: `reply:${parent.id}`, files: `reply-files:${parent.id}` } : againKeys(again.key);
  const draft = useDraft(keys.words, again?.was.text ?? "");
  const files = useDraft<Attached[]>(keys.files, again?.was.files ?? NO_FILES);
  const uploads = useUploads(files.value, (file) => files.set((old) => [...old.filter(({ hash }) => hash !== file.hash), file]));
  const [open, setOpen] = useState(autofocus || again !== undefined || draft.value !== "" || files.value.length > 0);
  const [refusal, setRefusal] = useState(again?.refusal ?? "");
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
    if (text === "" || uploads.underway.length > 0) return;
    const full = client.outbox.full?.message ?? "";
    setRefusal(full);
    if (full !== "") return;
    // Its state shows in the thread itself, refusal included.
    const attachments = files.value.length > 0 ? { attachments: attachmentsOf(files.value) } : {};
    again?.settle();
    void client.do({ do: "reply.publish", parent: parent.id, text, mentions: mentionedIn(text), ...attachments });
    announceSending(client);
    client.typed(channel);
    if (again !== undefined) return;
    draft.set("");
    files.set(NO_FILES);
    setOpen(false);
    onDone?.();
  };
  return (
    <form class="reply-box" aria-label={again === undefined ? label : t.changeRefused} onSubmit={send} {...uploads.on}>
      <Textbox
        value={draft.value} onInput={type} rows={open ? 4 : 1} autofocus={autofocus || again !== undefined} onFocus={() => setOpen(true)} submit={send}
        label={autofocus ? t.replyTo(name) : question ? t.writeAnswer : t.writeReply}
      />
      {open && <FilesField files={files.value} set={files.set} uploads={uploads} />}
      {open && <Refusal text={refusal} />}
      {open && (
        <div class="buttons">
          <AttachButton uploads={uploads} />
          <span class="meta grow">{t.mentionHint}</span>
          {again !== undefined && <button type="button" class="button quiet" onClick={again.close}>{t.cancel}</button>}
          <button type="submit" class="button" disabled={draft.value.trim() === "" || uploads.underway.length > 0}>{label}</button>
        </div>
      )}
    </form>
  );
}
