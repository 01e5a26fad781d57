import { useState } from "preact/hooks";

import { go } from "../router.ts";
import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";

export function NewCommunity({ onClose }: { onClose: () => void }) {
  const sending = useSending(onClose);
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const [visibility, setVisibility] = useState<"open" | "private">("open");
  const [audience, setAudience] = useState("global");
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "community.create", name: name.trim(), about: about.trim(), visibility, audience });
    if (done === null) return;
    onClose();
    if (typeof done["community"] === "string") go(`/c/${done["community"]}`);
  };
  return (
    <Dialog title={t.newCommunity} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void create(event)}>
        <label>{t.communityName}<input type="text" dir="auto" required maxLength={120} value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>{t.communityAbout}<textarea dir="auto" rows={3} maxLength={2000} value={about} onInput={(event) => setAbout(event.currentTarget.value)} /></label>
        <label>
          {t.communityVisibility}
          <select value={visibility} onChange={(event) => setVisibility(event.currentTarget.value as "open" | "private")}>
            <option value="open">{t.visibilityOpen}</option>
            <option value="private">{t.visibilityPrivate}</option>
          </select>
        </label>
        <label>
          {t.communityAudience}
          <select value={audience} onChange={(event) => setAudience(event.currentTarget.value)}>
            <option value="global">{t.audienceGlobal}</option>
            <option value="local">{t.audienceLocal}</option>
          </select>
        </label>
        <Refusal text={sending.refusal} />
        <div class="buttons">
          <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
          <button type="submit" class="button">{t.newCommunity}</button>
        </div>
      </form>
    </Dialog>
  );
}
