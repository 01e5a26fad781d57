/** An idea moves on, with somebody who owns it. */

import type { IdeaStage, Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { PersonPicker } from "../ui/combobox.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { usePerson } from "../ui/person.tsx";

export function MoveIdeaDialog({ post, onClose }: { post: Post; onClose: () => void }) {
  const client = useClient();
  const [stage, setStage] = useState<IdeaStage>(post.idea?.stage ?? "reviewed");
  const [owner, setOwner] = useState(post.idea?.owner ?? "");
  const [note, setNote] = useState("");
  const { name } = usePerson(owner);
  const move = (event: Event): void => {
    event.preventDefault();
    void act(client, { do: "idea.move", post: post.id, stage, owner, due: post.idea?.due ?? null, note: note.trim() });
    onClose();
  };
  return (
    <Dialog title={t.moveIdea} onClose={onClose}>
      <form class="stack" onSubmit={move}>
        <label>
          {t.ideaStage}
          <select value={stage} onChange={(event) => setStage(event.currentTarget.value as IdeaStage)}>
            {Object.entries(t.stages).map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </select>
        </label>
        {owner !== "" && <p class="meta">{t.ideaOwner(name)}</p>}
        <PersonPicker label={t.findOwner} onPick={(person) => setOwner(person.id)} />
        <label>{t.ideaNote}<textarea value={note} rows={3} maxLength={500} dir="auto" onInput={(event) => setNote(event.currentTarget.value)} /></label>
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button">{t.moveIdea}</button>
        </div>
      </form>
    </Dialog>
  );
}
