/** People as they stand beside what they wrote. */

import type { PersonView } from "@tap/sdk";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Avatar } from "./avatar.tsx";
import { PresenceDot } from "./presence.tsx";

/** The region of a colleague of another country; nothing for one's own. */
export function RegionBadge({ home }: { home: string }) {
  const { store } = useClient();
  if (home === "" || home === store.region.value) return null;
  return <abbr class="region" title={t.fromRegion(home.toUpperCase())}>{home.toUpperCase()}</abbr>;
}

export function usePerson(id: string): { person: PersonView | undefined; name: string } {
  const person = useClient().view.person(id).value;
  return { person, name: person?.name ?? id };
}

/** ``present``: with the dot that says whether they are there. */
export function PersonLink({ id, labelId, present = false }: { id: string; labelId?: string; present?: boolean }) {
  const { person, name } = usePerson(id);
  return (
    <span class="person-name">
      <a href={`/p/${id}`} dir="auto" {...(labelId ? { id: labelId } : {})}>{name}</a>
      {present && person && !person.bot && <PresenceDot id={id} />}
      {person && <RegionBadge home={person.home} />}
      {person?.bot && <span class="tag">{t.bot}</span>}
    </span>
  );
}

export function PersonAvatar({ id, size = "m" }: { id: string; size?: "s" | "m" | "l" }) {
  const { name } = usePerson(id);
  return <Avatar id={id} name={name} size={size} />;
}

/** A row of a list of people: who they are, and one thing to do. */
export function PersonRow({ person }: { person: PersonView }) {
  return (
    <div class="person-row">
      <Avatar id={person.id} name={person.name} />
      <div class="grow">
        <span class="person-name">
          <a href={`/p/${person.id}`} dir="auto">{person.name}</a>
          {!person.bot && <PresenceDot id={person.id} />}
          <RegionBadge home={person.home} />
        </span>
        <div class="meta" dir="auto">{describe(person)}</div>
      </div>
    </div>
  );
}

export function describe(person: PersonView): string {
  return [person.title, person.unit].filter((part) => part !== "").join(" · ");
}
