/** The files of a post: pictures in a gallery that opens large, everything else as a list to keep. */

import type { FileView, Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { bytes } from "../format.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { usePerson } from "../ui/person.tsx";
import { Lightbox } from "./lightbox.tsx";

export function isPicture(type: string): boolean {
  return type.startsWith("image/");
}

export function addressOf(file: FileView): string {
  return `/api/v1/media/${file.hash}`;
}

export function Files({ post }: { post: Post }) {
  const { view } = useClient();
  const author = usePerson(post.author).person;
  const me = usePerson(view.me).person;
  const [open, setOpen] = useState<number | null>(null);
  if (post.attachments.length === 0) return null;
  const here = post.attachments.filter((file) => !file.stays || author?.home === me?.home);
  const pictures = here.filter((file) => isPicture(file.type));
  const others = here.filter((file) => !isPicture(file.type));
  const away = post.attachments.length - here.length;
  return (
    <>
      {pictures.length > 0 && (
        <ul class={`gallery of-${Math.min(pictures.length, 4)}`} aria-label={t.pictures}>
          {pictures.map((file, index) => <li key={file.hash}><Small file={file} open={() => setOpen(index)} /></li>)}
        </ul>
      )}
      {others.length > 0 && (
        <ul class="file-list" aria-label={t.files}>
          {others.map((file) => (
            <li key={file.hash}>
              <a href={addressOf(file)} download={file.name}>
                <Icon name="file" /><span class="clip" dir="auto">{file.name}</span><span class="meta">{bytes(file.size)}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
      {away > 0 && <p class="file-away"><Icon name="lock" size={16} /> {t.filesStay(away)}</p>}
      {open !== null && <Lightbox pictures={pictures} at={open} onMove={setOpen} onClose={() => setOpen(null)} />}
    </>
  );
}

function Small({ file, open }: { file: FileView; open: () => void }) {
  const [missing, setMissing] = useState(false);
  return (
    <button type="button" class="picture" onClick={open} aria-label={t.openPicture(file.alt || file.name)}>
      {missing
        ? <span class="file-away"><Icon name="clock" size={16} /> {t.pictureAway}</span>
        : (
          <img
            src={`${addressOf(file)}/thumbnail`} alt={file.alt} width={file.width || undefined} height={file.height || undefined} loading="lazy"
            onError={() => setMissing(true)}
          />
        )}
    </button>
  );
}
