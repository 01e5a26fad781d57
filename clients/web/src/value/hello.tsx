/** A first word to a colleague: a conversation of two. */

import type { PersonView } from "@tap/sdk";
import { useState } from "preact/hooks";

import { go } from "../router.ts";
import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";
import { v } from "./words.ts";

export function HelloButton({ person }: { person: PersonView }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button quiet" aria-label={v.helloTo(person.name)} onClick={() => setOpen(true)}>{v.hello}</button>
      {open && <HelloDialog person={person} onClose={() => setOpen(false)} />}
    </>
  );
}

function HelloDialog({ person, onClose }: { person: PersonView; onClose: () => void }) {
  const sending = useSending(onClose);
  const [text, setText] = useState("");
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const started = await sending.send({ do: "conversation.start", members: [person.id] });
    const conversation = started?.["conversation"];
    if (typeof conversation !== "string") return;
    // Refused, it stands in the conversation with its words.
    await sending.send({ do: "post.publish", place: `d:${conversation}`, kind: "message", text });
    onClose();
    go(`/d/${conversation}`);
  };
  return (
    <Dialog title={v.helloTo(person.name)} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void send(event)}>
        <label>{v.helloText}<textarea dir="auto" rows={4} required maxLength={5000} value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button" disabled={text.trim() === ""}>{v.send}</button>
        </div>
      </form>
    </Dialog>
  );
}
