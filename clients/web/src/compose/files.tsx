/** Files on their way into a post: chosen, pasted or dropped; uploaded at once, kept with the draft. */

import { ApiError } from "@tap/sdk";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { isPicture } from "../post/files.tsx";
import { t } from "../strings.ts";
import { useEvent } from "../ui/event.ts";
import { Icon } from "../ui/icon.tsx";
import { announce, complain } from "../ui/notice.tsx";
import type { Attached } from "./composition.ts";

export const FILES_MAX = 6;
const BYTES_MAX = 25 * 1024 * 1024;

interface Underway {
  id: number;
  name: string;
  share: number;
  stop: () => void;
}

export interface Uploads {
  underway: readonly Underway[];
  take: (files: Iterable<File>) => void;
  /** For the element that files are pasted into or dropped on. */
  on: { onPaste: (event: ClipboardEvent) => void; onDragOver: (event: DragEvent) => void; onDrop: (event: DragEvent) => void };
}

/** ``add`` gets each file once it is there. */
export function useUploads(files: readonly Attached[], add: (file: Attached) => void): Uploads {
  const { api } = useClient();
  const [underway, setUnderway] = useState<readonly Underway[]>([]);
  const count = useRef(0);
  /** Files take their places as they were chosen, whichever is sent first. */
  const before = useRef(Promise.resolve());
  const added = useEvent(add);
  const stopAll = useEvent(() => { for (const one of underway) one.stop(); });
  useEffect(() => stopAll, [stopAll]);
  const upload = async (file: File, turn: Promise<void>): Promise<void> => {
    const abort = new AbortController();
    const id = (count.current += 1);
    const mine = (change: (one: Underway) => Underway[]): void => setUnderway((all) => all.flatMap((one) => (one.id === id ? change(one) : [one])));
    setUnderway((all) => [...all, { id, name: file.name, share: 0, stop: () => abort.abort() }]);
    try {
      const { hash, type } = await api.upload(file, { signal: abort.signal, progress: (share) => mine((one) => [{ ...one, share }]) });
      await turn;
      added({ hash, type, name: file.name, alt: "" });
      announce(t.fileAdded(file.name));
    } catch (error) {
      if (!abort.signal.aborted) complain(`${file.name}: ${error instanceof ApiError ? error.message : t.somethingWrong}`);
    }
    mine(() => []);
  };
  const take = (chosen: Iterable<File>): void => {
    const fitting = [...chosen];
    const room = FILES_MAX - files.length - underway.length;
    if (fitting.length > room) complain(t.tooManyFiles(FILES_MAX));
    for (const file of fitting.slice(0, Math.max(0, room))) {
      if (file.size > BYTES_MAX) complain(t.fileTooLarge(file.name));
      else before.current = upload(file, before.current);
    }
  };
  const given = (event: Event, data: DataTransfer | null): void => {
    if (data === null || data.files.length === 0) return;
    event.preventDefault();
    take(data.files);
  };
  const on: Uploads["on"] = {
    onPaste: (event) => given(event, event.clipboardData),
    onDragOver: (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault(),
    onDrop: (event) => given(event, event.dataTransfer),
  };
  return { underway, take, on };
}

export function AttachButton({ uploads }: { uploads: Uploads }) {
  const id = useId();
  return (
    <>
      <input
        id={id} class="unseen attach-input" type="file" multiple
        onChange={({ currentTarget }) => {
          uploads.take(currentTarget.files ?? []);
          currentTarget.value = "";
        }}
      />
      <label for={id} class="action attach"><Icon name="attach" /><span>{t.attach}</span></label>
    </>
  );
}

interface FilesFieldProps {
  files: readonly Attached[];
  set: (files: Attached[]) => void;
  uploads: Uploads;
}

/** What goes along: each picture with a field for what is to be seen in it. */
export function FilesField({ files, set, uploads }: FilesFieldProps) {
  if (files.length + uploads.underway.length === 0) return null;
  const change = (hash: string, part: Partial<Attached>): void => set(files.map((file) => (file.hash === hash ? { ...file, ...part } : file)));
  return (
    <ul class="attached" aria-label={t.attachedFiles}>
      {files.map((file) => (
        <li key={file.hash}>
          {isPicture(file.type)
            ? <img src={`/api/v1/media/${file.hash}/thumbnail`} alt="" width={56} height={56} />
            : <span class="file-mark"><Icon name="file" size={24} /></span>}
          <div class="grow stack">
            <span class="clip" dir="auto">{file.name}</span>
            {isPicture(file.type) && (
              <input
                type="text" dir="auto" maxLength={1000} aria-label={t.altOf(file.name)} placeholder={t.altPrompt} value={file.alt}
                onInput={(event) => change(file.hash, { alt: event.currentTarget.value })}
              />
            )}
          </div>
          <button type="button" class="icon-button" aria-label={t.removeFile(file.name)} onClick={() => set(files.filter((other) => other !== file))}>
            <Icon name="close" />
          </button>
        </li>
      ))}
      {uploads.underway.map(({ id, name, share, stop }) => (
        <li key={id}>
          <span class="file-mark"><Icon name="up" size={24} /></span>
          <div class="grow stack">
            <span class="clip" dir="auto">{name}</span>
            <progress aria-label={t.uploading(name)} max={1} value={share} />
          </div>
          <button type="button" class="icon-button" aria-label={t.stopUpload(name)} onClick={stop}><Icon name="close" /></button>
        </li>
      ))}
    </ul>
  );
}
