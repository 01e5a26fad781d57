import { signal } from "@preact/signals";

import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { keysOn, setKeys } from "./keys.ts";

export const helpOpen = signal(false);

export function Help() {
  if (!helpOpen.value) return null;
  return (
    <Dialog title={t.keyboardHelp} onClose={() => { helpOpen.value = false; }}>
      <dl class="keys">
        {Object.entries(t.keyHelp).map(([keys, what]) => <div key={keys}><dt>{keys.split(" ").map((part) => (part === "/" && keys !== "/" ? " / " : <kbd key={part}>{part}</kbd>))}</dt><dd>{what}</dd></div>)}
      </dl>
      <button type="button" class="button quiet" aria-pressed={!keysOn.value} onClick={() => setKeys(!keysOn.value)}>{keysOn.value ? t.keysOff : t.keysOn}</button>
    </Dialog>
  );
}
