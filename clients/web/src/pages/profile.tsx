/** One's own profile, to be changed: all of it at once, since all of it is replaced. */

import type { Profile } from "@tap/sdk";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { Refusal, useSending } from "../ui/sending.tsx";
import { fetchPerson } from "./person-data.ts";
import { type Choice, languages, profileOf, timezones, withSkills } from "./profile-data.ts";

const LINE_CHARS_MAX = 120;
const ABOUT_CHARS_MAX = 2000;

export function EditProfileButton() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button quiet" onClick={() => setOpen(true)}>{t.editProfile}</button>
      {open && <ProfileDialog onClose={() => setOpen(false)} />}
    </>
  );
}

/** Asks first: what is not known to be there would be wiped out. */
function ProfileDialog({ onClose }: { onClose: () => void }) {
  const client = useClient();
  const found = useLoad("own-profile", () => fetchPerson(client, client.view.me));
  return (
    <Dialog title={t.editProfile} onClose={onClose}>
      <Loaded from={found}>{(page) => <ProfileForm known={profileOf(client.view.person(client.view.me).value ?? page.person)} onClose={onClose} />}</Loaded>
    </Dialog>
  );
}

/** ``known``: as it is now. What is changed elsewhere meanwhile stays, but for the fields that are changed here. */
function ProfileForm({ known, onClose }: { known: Profile; onClose: () => void }) {
  const sending = useSending(onClose);
  const [edits, setEdits] = useState<Partial<Profile>>({});
  const [skill, setSkill] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const value = { ...known, ...edits };
  const change = (part: Partial<Profile>): void => setEdits((old) => ({ ...old, ...part }));
  const faultOf = (field: keyof Profile): string => (sending.field === field ? sending.refusal : "");
  const line = (field: "name" | "title" | "unit" | "country") => ({ value: value[field], set: (text: string) => change({ [field]: text }), fault: faultOf(field) });
  useEffect(() => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus(), [sending.refusal]);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const done = await sending.send({ do: "profile.change", ...value, skills: withSkills(value.skills, skill) });
    if (done !== null) onClose();
  };
  return (
    <form ref={form} class="stack" onSubmit={(event) => void save(event)}>
      <p class="meta">{t.profileHint}</p>
      <Line label={t.communityName} {...line("name")} required pattern=".*\S.*" />
      <Line label={t.personTitle} {...line("title")} />
      <Line label={t.personUnit} {...line("unit")} />
      <SkillsField value={value.skills} set={(skills) => change({ skills })} text={skill} setText={setSkill} fault={faultOf("skills")} />
      <Field label={t.personAbout} fault={faultOf("about")}>
        {(about) => <textarea {...about} dir="auto" rows={3} maxLength={ABOUT_CHARS_MAX} value={value.about} onInput={(event) => change({ about: event.currentTarget.value })} />}
      </Field>
      <Line
        label={t.personCountry} {...line("country")} set={(text) => change({ country: text.toUpperCase() })} hint={t.personCountryHint} maxLength={2}
        pattern="[A-Z]{2}"
      />
      <Select label={t.personLocale} value={value.locale} set={(locale) => change({ locale })} choices={languages} fault={faultOf("locale")} />
      <Select label={t.personTimezone} value={value.timezone} set={(timezone) => change({ timezone })} choices={timezones} fault={faultOf("timezone")} />
      <Refusal text={sending.field in value ? "" : sending.refusal} />
      <div class="buttons">
        <button type="button" class="button quiet" onClick={onClose}>{t.cancel}</button>
        <button type="submit" class="button">{t.save}</button>
      </div>
    </form>
  );
}

interface FieldProps {
  label: string;
  hint?: string;
  /** Why what stands in it was refused; else empty. */
  fault: string;
}

interface Described {
  "aria-describedby": string;
  "aria-invalid"?: true;
}

/** What ties a field to the hint and the refusal below it. */
function describedBy(id: string, fault: string): Described {
  return { "aria-describedby": `${id}-hint ${id}-fault`, ...(fault === "" ? {} : { "aria-invalid": true }) };
}

function Field({ label, hint = "", fault, children }: FieldProps & { children: (described: Described) => ComponentChildren }) {
  const id = useId();
  return (
    <div>
      <label>{label}{children(describedBy(id, fault))}</label>
      {hint !== "" && <p id={`${id}-hint`} class="meta">{hint}</p>}
      <Refusal id={`${id}-fault`} text={fault} />
    </div>
  );
}

interface LineProps extends FieldProps {
  value: string;
  set: (text: string) => void;
  maxLength?: number;
  required?: boolean;
  pattern?: string;
}

function Line({ label, hint = "", fault, value, set, maxLength = LINE_CHARS_MAX, ...rules }: LineProps) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(about) => <input {...about} {...rules} type="text" dir="auto" maxLength={maxLength} value={value} onInput={(event) => set(event.currentTarget.value)} />}
    </Field>
  );
}

interface SelectProps extends FieldProps {
  value: string;
  set: (value: string) => void;
  /** What there is, besides what is kept. */
  choices: (kept: string) => Choice[];
}

function Select({ label, fault, value, set, choices }: SelectProps) {
  const [kept] = useState(value);
  // Hundreds of them: they stay as they are while something else is typed.
  const options = useMemo(() => choices(kept).map(([one, name]) => <option key={one} value={one}>{name}</option>), [choices, kept]);
  return (
    <Field label={label} fault={fault}>
      {(about) => <select {...about} value={value} onChange={(event) => set(event.currentTarget.value)}>{options}</select>}
    </Field>
  );
}

interface SkillsProps {
  value: readonly string[];
  set: (skills: string[]) => void;
  /** What stands in the field of a new one; saved, it counts as added. */
  text: string;
  setText: (text: string) => void;
  fault: string;
}

/** Enter adds what is typed, and saves the rest where nothing is. */
function SkillsField({ value, set, text, setText, fault }: SkillsProps) {
  const id = useId();
  const add = (): void => {
    set(withSkills(value, text));
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.isComposing || text.trim() === "") return;
    event.preventDefault();
    add();
  };
  return (
    <div role="group" aria-labelledby={`${id}-title`}>
      <p id={`${id}-title`} class="meta">{t.skills}</p>
      <ul class="row wrap">
        {value.map((skill) => (
          <li key={skill} class="tag">
            <span dir="auto">{skill}</span>
            <button type="button" class="icon-button" aria-label={t.removeSkill(skill)} onClick={() => set(value.filter((other) => other !== skill))}>
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
      </ul>
      <div class="row">
        <input
          {...describedBy(id, fault)} type="text" dir="auto" aria-label={t.newSkill} placeholder={t.newSkill} value={text}
          onInput={(event) => setText(event.currentTarget.value)} onKeyDown={onKeyDown}
        />
        <button type="button" class="button quiet" onClick={add}>{t.addSkill}</button>
      </div>
      <p id={`${id}-hint`} class="meta">{t.skillsHint}</p>
      <Refusal id={`${id}-fault`} text={fault} />
      <output class="unseen">{t.skillsNow(value)}</output>
    </div>
  );
}
