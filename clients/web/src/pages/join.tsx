import type { CommunityView } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";

/** Open communities are joined at will; private ones let people in by a role. */
export function JoinButton({ community }: { community: CommunityView }) {
  const client = useClient();
  const role = client.view.membership(community.id).value?.role ?? "none";
  const joined = client.view.joined(community.id).value;
  if (community.visibility === "private" || (role !== "none" && !joined)) {
    return role === "none" ? null : <span class="meta">{t.roles[role]}</span>;
  }
  return (
    <button
      type="button" class={joined ? "button quiet" : "button"} aria-pressed={joined}
      onClick={() => void act(client, { do: "membership.set", community: community.id, joined: !joined }, joined)}
    >
      {joined ? t.joined : t.join}<span class="unseen"> {community.name}</span>
    </button>
  );
}
