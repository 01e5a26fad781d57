import { useState } from "preact/hooks";

import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { Dialog } from "../ui/dialog.tsx";
import { tell } from "../ui/notice.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";
import type { CreditLine } from "./impact-data.ts";
import { v } from "./words.ts";

/** A person is asked to look at a line of one's own. */
export function DisputeDialog({ line, onClose }: { line: CreditLine; onClose: () => void }) {
  const sending = useSending(onClose);
  const [reason, setReason] = useState("");
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "dispute.open", line: line.act, reason: reason.trim() });
    if (done === null) return;
    onClose();
    tell(v.disputeSent);
  };
  return (
    <Dialog title={v.disputeTitle} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void send(event)}>
        <p><span class="strong">{line.what}</span> <span dir="auto">{unmarked(line.content_title)}</span></p>
        <p>{v.disputeHint}</p>
        <label>{v.disputeReason}<textarea dir="auto" rows={4} required maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button" disabled={reason.trim() === ""}>{v.disputeSend}</button>
        </div>
      </form>
    </Dialog>
  );
}
