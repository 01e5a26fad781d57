/** A colleague and what they wrote, as the node tells it. */

import type { Bundle, PersonView, TapClient } from "@tap/sdk";

export type PersonAnswer = Partial<Bundle> & { cursor: string; person: PersonView };

/** Fetches them into the store, where what came live since stays on top. */
export async function fetchPerson({ api, store }: Pick<TapClient, "api" | "store">, id: string): Promise<PersonAnswer> {
  const page = await api.get<PersonAnswer>(`/people/${id}`);
  store.load({ ...page, people: { ...page.people, [id]: page.person } });
  return page;
}
