/**
 * Finding a colleague while typing (WAI-ARIA practices, "Editable combobox with list autocomplete").
 * The field is left to the browser, so quick typing loses no letter; Up and Down choose, Enter takes,
 * Escape closes.
 */

import type { PersonView } from "@tap/sdk";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { Avatar } from "./avatar.tsx";
import { RegionBadge, describe } from "./person.tsx";

const PAUSE_MS = 150;
const SHOWN_MAX = 6;

/** Colleagues who match, a little after the last keystroke. */
export function usePeopleSearch(query: string): PersonView[] {
  const { api } = useClient();
  const [found, setFound] = useState<PersonView[]>([]);
  useEffect(() => {
    if (query === "") return setFound([]);
    let wanted = true;
    const timer = setTimeout(() => {
      api.get<{ people: PersonView[] }>("/people", { q: query, limit: SHOWN_MAX }).then(
        ({ people }) => wanted && setFound(people.slice(0, SHOWN_MAX)),
        () => wanted && setFound([]),
      );
    }, PAUSE_MS);
    return () => { wanted = false; clearTimeout(timer); };
  }, [query, api]);
  return found;
}

export function PersonPicker({ label, onPick }: { label: string; onPick: (person: PersonView) => void }) {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const found = usePeopleSearch(query);
  const open = found.length > 0;
  const take = (person: PersonView): void => {
    if (input.current) input.current.value = person.name;
    setQuery("");
    onPick(person);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const picked = found[active];
    if (!open) return;
    if (event.key === "ArrowDown") setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp") setActive((active + found.length - 1) % found.length);
    else if (event.key === "Enter" && picked) take(picked);
    else if (event.key === "Escape") setQuery("");
    else return;
    event.preventDefault();
  };
  return (
    <div class="combobox">
      <input
        ref={input} id={id} type="text" role="combobox" aria-label={label} placeholder={label} autocomplete="off" aria-autocomplete="list"
        aria-expanded={open} aria-controls={`${id}-list`} aria-activedescendant={open ? `${id}-${active}` : undefined}
        onInput={(event) => { setQuery(event.currentTarget.value.trim()); setActive(0); }} onKeyDown={onKeyDown}
        onBlur={() => setQuery("")}
      />
      <PeopleList id={id} label={label} people={found} active={active} onPick={take} />
    </div>
  );
}

interface ListProps {
  id: string;
  label: string;
  people: readonly PersonView[];
  active: number;
  onPick: (person: PersonView) => void;
}

/** The list below a field; pressing an option must not take the focus away from the field. */
export function PeopleList({ id, label, people, active, onPick }: ListProps) {
  return (
    <div id={`${id}-list`} class="people-list" role="listbox" aria-label={label} hidden={people.length === 0}>
      {people.map((person, index) => (
        <div
          key={person.id} id={`${id}-${index}`} role="option" aria-selected={index === active} tabIndex={-1}
          onPointerDown={(event) => { event.preventDefault(); onPick(person); }}
        >
          <Avatar id={person.id} name={person.name} size="s" />
          <span dir="auto">{person.name}</span>
          <RegionBadge home={person.home} />
          <span class="meta" dir="auto">{describe(person)}</span>
        </div>
      ))}
    </div>
  );
}
