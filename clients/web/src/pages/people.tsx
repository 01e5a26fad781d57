import type { PersonView } from "@tap/sdk";
import { useEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { go, place } from "../router.ts";
import { t } from "../strings.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { announce } from "../ui/notice.tsx";
import { PersonRow } from "../ui/person.tsx";
import { Page } from "./page.tsx";
import { PeopleTabs } from "./people-tabs.tsx";

const PAUSE_MS = 200;

type PeopleAnswer = { people: PersonView[]; next?: string | null };

export function PeoplePage() {
  const asked = place.value.query.get("q") ?? "";
  const [query, setQuery] = useState(asked);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (query.trim() !== asked) go(query.trim() === "" ? "/people" : `/people?q=${encodeURIComponent(query.trim())}`, "replace");
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [query, asked]);
  return (
    <Page title={t.people}>
      <PeopleTabs />
      <input
        id="people-search" type="search" class="wide" aria-label={t.findPeople} placeholder={t.findPeople} value={query} autocomplete="off"
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      <Found query={asked} />
    </Page>
  );
}

function Found({ query }: { query: string }) {
  const client = useClient();
  const found = useLoad(`people:${query}`, () => client.api.get<PeopleAnswer>("/people", { q: query }));
  return (
    <Loaded from={found}>
      {(first) => <Rows key={query} query={query} first={first} />}
    </Loaded>
  );
}

function Rows({ query, first }: { query: string; first: PeopleAnswer }) {
  const client = useClient();
  const [pages, setPages] = useState([first]);
  const people = pages.flatMap((page) => page.people);
  const next = pages.at(-1)?.next ?? null;
  const more = async (): Promise<void> => {
    const page = await client.api.get<PeopleAnswer>("/people", { q: query, before: next ?? undefined }).catch(() => null);
    if (page) setPages([...pages, page]);
  };
  useEffect(() => {
    if (query !== "") announce(first.people.length === 0 ? t.nobodyFound : t.peopleFound(first.people.length, first.next !== null));
  }, [query, first]);
  if (people.length === 0) return <p class="empty">{t.nobodyFound}</p>;
  return (
    <>
      <ul class="rows">{people.map((person) => <li key={person.id}><PersonRow person={person} /></li>)}</ul>
      {next !== null && <button type="button" class="button quiet wide" onClick={() => void more()}>{t.more}</button>}
    </>
  );
}
