/** Writing a post: one row until somebody wants to write, then only the fields its kind needs. */

import type { RefObject } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { announceSending } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { useEvent } from "../ui/event.ts";
import { PersonAvatar } from "../ui/person.tsx";
import { Refusal } from "../ui/sending.tsx";
import { type Composition, EMPTY, KINDS, TITLED, asking, commandOf, missing } from "./composition.ts";
import { type Again, againKeys, useDraft } from "./draft.ts";
import { AttachButton, FilesField, useUploads } from "./files.tsx";
import { MoreFields, PlaceField, PraiseFields } from "./fields.tsx";
import { Textbox } from "./textbox.tsx";
import { WhomToName } from "./whom.tsx";

interface Props {
  /** The community of the page; absent where the writer chooses one. */
  community?: string;
  /** Opened by "Ask" or "Create": already open, on this kind. */
  opened?: Composition["kind"] | undefined;
  /** What an address asks about, and whom: it is added to what stands there. */
  about?: { topic: string; person: string };
  again?: Again<Composition>;
}

const NOTHING = { topic: "", person: "" };

export function Composer({ community, opened, about = NOTHING, again }: Props) {
  const client = useClient();
  const key = again === undefined ? `post:${community ?? ""}` : againKeys(again.key).words;
  const draft = useDraft<Composition>(key, again?.was ?? EMPTY);
  const [open, setOpen] = useState(opened !== undefined || again !== undefined);
  const [tried, setTried] = useState(false);
  const [refusal, setRefusal] = useState(again?.refusal ?? "");
  const form = useRef<HTMLFormElement>(null);
  const { value } = draft;
  const change = (part: Partial<Composition>): void => draft.set((old) => ({ ...old, ...part }));
  const openFor = useEvent((kind: Composition["kind"]) => {
    setOpen(true);
    draft.set((old) => ({ ...old, kind, ...asking(old, about.topic, about.person) }));
    focusFirst(form);
  });
  const retaken = again !== undefined;
  useEffect(() => { if (retaken) focusFirst(form); }, [retaken]);
  useEffect(() => { if (opened !== undefined) openFor(opened); }, [opened, about.topic, about.person, openFor]);
  const place = community === undefined ? value.place : `c:${community}`;
  const uploads = useUploads(value.files, (file) => draft.set((old) => ({ ...old, files: [...old.files.filter(({ hash }) => hash !== file.hash), file] })));
  const problem = uploads.underway.length > 0 ? t.stillUploading : place === "" ? t.noCommunityYet : missing(value);
  const publish = (event: Event): void => {
    event.preventDefault();
    const full = client.outbox.full?.message ?? "";
    setRefusal(full);
    if (problem !== null) return setTried(true);
    if (full !== "") return;
    again?.settle();
    void client.do(commandOf(value, place, client.now()));
    announceSending(client);
    if (again !== undefined) return;
    draft.set({ ...EMPTY, place: value.place });
    setTried(false);
    setOpen(false);
  };
  return (
    <form ref={form} class={open ? "composer open" : "composer"} aria-label={again === undefined ? t.composeTitle : t.changeRefused} onSubmit={publish} {...uploads.on}>
      <PersonAvatar id={client.view.me} />
      <div class="stack grow">
        {open && <KindField value={value} change={change} />}
        {open && TITLED.has(value.kind) && <TitleField value={value} change={change} />}
        {open && value.kind === "praise" && <PraiseFields value={value} change={change} />}
        <Textbox
          value={value.text} onInput={(text) => change({ text })} rows={open ? (value.kind === "article" ? 12 : 4) : 1} onFocus={() => setOpen(true)}
          label={t.composePrompt[open ? value.kind : "update"] ?? t.text} submit={publish}
        />
        {open && <FilesField files={value.files} set={(files) => change({ files })} uploads={uploads} />}
        {open && <MoreFields value={value} change={change} />}
        {open && value.kind === "question" && <WhomToName value={value} change={change} />}
        {open && <Refusal text={refusal} />}
        {open && (
          <div class="buttons">
            {community === undefined && <PlaceField value={value} change={change} />}
            <AttachButton uploads={uploads} />
            <output class="meta grow">{tried && problem !== null ? problem : ""}</output>
            <button type="button" class="button quiet" onClick={again?.close ?? (() => setOpen(false))}>{t.cancel}</button>
            <button type="submit" class="button">{value.kind === "question" ? t.publishAsk : t.publish}</button>
          </div>
        )}
      </div>
    </form>
  );
}

function focusFirst(form: RefObject<HTMLFormElement | null>): void {
  requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("input[type=text], textarea")?.focus());
}

export interface FieldProps {
  value: Composition;
  change: (part: Partial<Composition>) => void;
}

function KindField({ value, change }: FieldProps) {
  const name = useId();
  return (
    <fieldset class="kinds">
      <legend class="unseen">{t.composeKind}</legend>
      {KINDS.map((kind) => (
        <label key={kind} class={kind === value.kind ? "kind chosen" : "kind"}>
          <input type="radio" name={name} checked={kind === value.kind} onChange={() => change({ kind })} />
          {t.kinds[kind]}
        </label>
      ))}
    </fieldset>
  );
}

const TITLES: Record<string, string> = { question: t.questionTitle, idea: t.ideaTitle, poll: t.pollTitle, article: t.articleTitle };

function TitleField({ value, change }: FieldProps) {
  const label = TITLES[value.kind] ?? t.titleLabel;
  return (
    <input
      class="title-field" type="text" dir="auto" maxLength={200} aria-label={label} placeholder={label} value={value.title}
      onInput={(event) => change({ title: event.currentTarget.value })}
    />
  );
}
