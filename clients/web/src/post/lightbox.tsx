/** Pictures large, one at a time. Arrow keys turn the page, Escape closes; until the bytes come, the small one shows. */

import type { FileView } from "@tap/sdk";
import { useEffect, useState } from "preact/hooks";

import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { useEvent } from "../ui/event.ts";
import { Icon } from "../ui/icon.tsx";
import { addressOf } from "./files.tsx";

interface Props {
  pictures: readonly FileView[];
  at: number;
  onMove: (at: number) => void;
  onClose: () => void;
}

export function Lightbox({ pictures, at, onMove, onClose }: Props) {
  const file = pictures[at];
  const many = pictures.length > 1;
  const turn = (step: number): void => onMove((at + step + pictures.length) % pictures.length);
  const onKeyDown = useEvent((event: KeyboardEvent): void => {
    // The page's own writing direction decides which way is on.
    const on = document.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (!many || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    turn(event.key === on ? 1 : -1);
  });
  useEffect(() => {
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [onKeyDown]);
  if (file === undefined) return null;
  return (
    <Dialog title={many ? t.pictureOf(at + 1, pictures.length) : t.picture} wide onClose={onClose}>
      <div class="lightbox">
        <Large key={file.hash} file={file} />
        <div class="buttons">
          {many && <button type="button" class="icon-button" aria-label={t.previousPicture} onClick={() => turn(-1)}><Icon name="back" /></button>}
          <p class="grow" role="status" dir="auto">{file.alt || file.name}</p>
          <a class="link" href={addressOf(file)} download={file.name}>{t.download}</a>
          {many && <button type="button" class="icon-button" aria-label={t.nextPicture} onClick={() => turn(1)}><Icon name="next" /></button>}
        </div>
      </div>
    </Dialog>
  );
}

type Loading = "loading" | "here" | "failed";

function Large({ file }: { file: FileView }) {
  const [state, setState] = useState<Loading>("loading");
  const [tries, setTries] = useState(0);
  const again = (): void => {
    setState("loading");
    setTries(tries + 1);
  };
  return (
    <div class="large" data-state={state}>
      {state !== "here" && <img class="under" src={`${addressOf(file)}/thumbnail`} alt="" width={file.width || undefined} height={file.height || undefined} />}
      {state !== "failed" && (
        <img
          key={tries} class="over" src={tries === 0 ? addressOf(file) : `${addressOf(file)}#${tries}`} alt={file.alt || file.name}
          width={file.width || undefined} height={file.height || undefined} onLoad={() => setState("here")} onError={() => setState("failed")}
        />
      )}
      {state === "failed" && (
        <p class="file-away" role="alert">
          <Icon name="clock" size={16} /> {t.pictureAway} <button type="button" class="link" onClick={again}>{t.retry}</button>
        </p>
      )}
    </div>
  );
}
