/** An idea moves on, with somebody who owns it. */

import type { IdeaStage, Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { t } from "../strings.ts";
import { PersonPicker } from "../ui/combobox.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { usePerson } from "../ui/person.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";

export function MoveIdeaDialog({ post, onClose }: { post: Post; onClose: () => void }) {
  const sending = useSending(onClose);
  const [stage, setStage] = useState<IdeaStage>(post.idea?.stage ?? "reviewed");
  const [owner, setOwner] = useState(post.idea?.owner ?? "");
  const [note, setNote] = useState("");
  const { name } = usePerson(owner);
  const move = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "idea.move", post: post.id, stage, owner, due: post.idea?.due ?? null, note: note.trim() });
    if (done !== null) onClose();
  };
  return (
    <Dialog title={t.moveIdea} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void move(event)}>
        <label>
          {t.ideaStage}
          <select value={stage} onChange={(event) => setStage(event.currentTarget.value as IdeaStage)}>
            {Object.entries(t.stages).map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </select>
        </label>
        {owner !== "" && <p class="meta">{t.ideaOwner(name)}</p>}
        <PersonPicker label={t.findOwner} onPick={(person) => setOwner(person.id)} />
        <label>{t.ideaNote}<textarea value={note} rows={3} maxLength={500} dir="auto" onInput={(event) => setNote(event.currentTarget.value)} /></label>
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button">{t.moveIdea}</button>
        </div>
      </form>
    </Dialog>
  );
}
