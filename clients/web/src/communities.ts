/** The communities a person belongs to, by name; one of them with what its pages show; who moderates it. */

import type { CommunityRole, CommunityView, PersonView, TapClient } from "@tap/sdk";

import { useClient } from "./client.ts";
import { t } from "./strings.ts";
import { type Loading, useLoad } from "./ui/load.tsx";

const byName = new Intl.Collator(t.language);

export function useMyCommunities(): CommunityView[] {
  const { store, view } = useClient();
  const ids = store.ids("communities").value ?? [];
  const mine = ids.flatMap((id) => {
    const community = view.community(id).value;
    const role = view.membership(id).value?.role ?? "none";
    return community && !community.archived && (view.joined(id).value || role !== "none") ? [community] : [];
  });
  return mine.toSorted((a, b) => byName.compare(a.name, b.name));
}

export interface CommunityAnswer {
  community: CommunityView;
  members: number;
}

export function useCommunity(id: string): Loading<CommunityAnswer> {
  const client = useClient();
  return useLoad(`community:${id}`, async () => {
    const answer = await client.api.get<CommunityAnswer>(`/communities/${id}`);
    client.store.put("communities", id, answer.community);
    return answer;
  });
}

/** As the node has it (server/domain/visibility.py, may_moderate): by a role there, or by one in the community's home region. */
export function mayModerate(
  community: Pick<CommunityView, "home" | "visibility"> | undefined, role: CommunityRole, me: Pick<PersonView, "home" | "roles"> | undefined,
): boolean {
  if (role === "moderator" || role === "owner") return true;
  return community?.visibility === "open" && me?.home === community.home && me.roles.includes("moderator");
}

/** Whether one moderates a place; conversations have no moderators. */
export function isSteward({ view }: Pick<TapClient, "view">, place: string): boolean {
  if (!place.startsWith("c:")) return false;
  const id = place.slice(2);
  return mayModerate(view.community(id).value, view.membership(id).value?.role ?? "none", view.person(view.me).value);
}

/** Whether one can hide, lock, pin and answer reports from here: the community's home region alone writes that (I7). */
export function moderatesHere(client: Pick<TapClient, "view" | "store">, place: string): boolean {
  return isSteward(client, place) && client.view.community(place.slice(2)).value?.home === client.store.region.value;
}
