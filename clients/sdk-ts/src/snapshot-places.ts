/** What belongs in a snapshot: communities and conversations that are the person's own (visibility.py), and their posts. */

import type { Bodies, EventType } from "./events.ts";
import { foldEvent, newPost } from "./fold.ts";
import type { EventFrame } from "./frames.ts";
import { type Draft, SNAPSHOT_POSTS } from "./snapshot.ts";
import type { CommunityRole } from "./views.ts";

const READING_ROLES: ReadonlySet<CommunityRole> = new Set(["member", "moderator", "owner"]);

type Rules = { [K in EventType]?: (draft: Draft, body: Bodies[K], frame: EventFrame) => void };

export const PLACE_RULES: Rules = {
  // A founder's role follows in the same commit; a role that came before waited for this.
  "community.created"(draft, { community, owner }, frame) {
    if (owner === draft.me || draft.get("memberships", community) !== undefined) foldEvent(draft, frame);
  },
  "community.changed"(draft, { community, settings }, frame) {
    foldEvent(draft, frame);
    settle(draft, community, settings.visibility ?? "open");
  },
  "membership.changed": membership,
  "community.role_changed": membership,
  "erasure.requested": erased,
  "conversation.started"(draft, { conversation, members }, frame) {
    if (draft.get("conversations", conversation) !== undefined || members.every((member) => member.person !== draft.me)) return;
    foldEvent(draft, frame);
    // Another region's first message may have come before this; before one's own none can.
    if (frame.by !== draft.me) draft.stale("order");
  },
  "conversation.changed"(draft, { conversation, members }, frame) {
    const inside = members.some((member) => member.person === draft.me);
    const known = draft.get("conversations", conversation) !== undefined;
    if (known && inside) foldEvent(draft, frame);
    else if (known) without(draft, `d:${conversation}`);
    else if (inside) draft.stale("order");
  },
};

/** What was published and erased while one was away came only as this: it keeps its place, and is fetched. */
function erased(draft: Draft, body: Bodies["erasure.requested"], frame: EventFrame): void {
  const mine = draft.places();
  for (const { post: id, kind, place, root, author, at } of body.posts ?? []) {
    if (draft.get("posts", id) !== undefined || id !== root || !mine.has(place)) continue;
    draft.put("posts", id, newPost({ id, kind, place, root, author, at }));
    draft.stale(`post:${id}`);
  }
  foldEvent(draft, frame);
}

function membership(draft: Draft, { community, person }: { community: string; person: string }, frame: EventFrame): void {
  if (person !== draft.me) return;
  foldEvent(draft, frame);
  // Of a community not shown here only a joined open one can become the person's own.
  settle(draft, community, draft.get("communities", community)?.visibility ?? "open");
}

/** Whether the community is the person's follows from wish, role and visibility. */
function settle(draft: Draft, community: string, visibility: string): void {
  const { joined, role } = draft.get("memberships", community) ?? { joined: false, role: "none" };
  const belongs = READING_ROLES.has(role) || (visibility === "open" && joined);
  const shown = draft.get("communities", community) !== undefined;
  if (shown && !belongs) without(draft, `c:${community}`);
  if (!shown && belongs) draft.stale("order");
}

/** A place is gone; when the window was full, older posts of other places belong into it now. */
export function without(draft: Draft, place: string): void {
  const { posts, order } = draft.snapshot;
  draft.put(place.startsWith("c:") ? "communities" : "conversations", place.slice(2), undefined);
  const lost = Object.values(posts).filter((post) => post.place === place);
  for (const post of lost) delete posts[post.id];
  if (order.length >= SNAPSHOT_POSTS && lost.length > 0) draft.stale("order");
}
