/** A text field in which @ finds colleagues; Control+Enter sends. */

import type { PersonView } from "@tap/sdk";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { t } from "../strings.ts";
import { PeopleList, usePeopleSearch } from "../ui/combobox.tsx";

interface Props {
  value: string;
  onInput: (text: string) => void;
  label: string;
  rows: number;
  submit: (event: Event) => void;
  autofocus?: boolean;
  onFocus?: () => void;
}

const MENTION_BEING_TYPED = /(?:^|[\s(])@([\p{L}\p{N}._-]{1,40})$/u;

export function Textbox({ value, onInput, label, rows, submit, autofocus = false, onFocus }: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const found = usePeopleSearch(query);
  useEffect(() => { if (autofocus) area.current?.focus(); }, [autofocus]);
  // The field itself is changed, and at once: whoever types on without a pause types behind the name.
  const take = (person: PersonView): void => {
    const field = area.current;
    if (field === null) return;
    const caret = field.selectionStart;
    field.setRangeText(`@${person.id} `, field.value.lastIndexOf("@", caret - 1), caret, "end");
    setQuery("");
    onInput(field.value);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return submit(event);
    if (found.length === 0) return;
    const picked = found[active];
    if (event.key === "ArrowDown") setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp") setActive((active + found.length - 1) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && picked) take(picked);
    else if (event.key === "Escape") setQuery("");
    else return;
    event.preventDefault();
  };
  return (
    <div class="combobox">
      <textarea
        ref={area} value={value} rows={rows} style={{ "--rows": String(rows) }} dir="auto" aria-label={label} placeholder={label} onFocus={onFocus} onKeyDown={onKeyDown} onBlur={() => setQuery("")}
        aria-controls={found.length > 0 ? `${id}-list` : undefined} aria-activedescendant={found.length > 0 ? `${id}-${active}` : undefined}
        onInput={(event) => {
          onInput(event.currentTarget.value);
          setActive(0);
          setQuery(typed(event.currentTarget));
        }}
      />
      <PeopleList id={id} label={t.mentionList} people={found} active={active} onPick={take} />
    </div>
  );
}

function typed(area: HTMLTextAreaElement): string {
  return MENTION_BEING_TYPED.exec(area.value.slice(0, area.selectionStart))?.[1] ?? "";
}
