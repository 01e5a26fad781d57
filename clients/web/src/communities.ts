/** The communities a person belongs to, by name. */

import type { CommunityView } from "@tap/sdk";

import { useClient } from "./client.ts";
import { t } from "./strings.ts";

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
