/** A moderator hides a post, for a reason that its author can read. */

import type { Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";

export function HideDialog({ post, onClose }: { post: Post; onClose: () => void }) {
  const sending = useSending(onClose);
  const [reason, setReason] = useState("");
  const hide = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "moderation.act", target: post.id, act: "hide", on: true, reason: reason.trim() });
    if (done !== null) onClose();
  };
  return (
    <Dialog title={t.hide} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void hide(event)}>
        <HideReason value={reason} set={setReason} />
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button danger">{t.hide}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function HideReason({ value, set }: { value: string; set: (reason: string) => void }) {
  return (
    <>
      <p>{t.hideHint}</p>
      <label>{t.hideReason}<textarea value={value} rows={3} maxLength={500} required dir="auto" onInput={(event) => set(event.currentTarget.value)} /></label>
    </>
  );
}
