/** Everything rarer than a reaction. */

import { type Post, type View, isRoot } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { Menu, type MenuItem } from "../ui/menu.tsx";
import { tell } from "../ui/notice.tsx";

export type Ask = "edit" | "delete" | "erase" | "history" | "report" | "move";

interface Props {
  post: Post;
  /** The thread a reply stands in. */
  root?: Post;
  ask: (what: Ask) => void;
}

export function PostMenu({ post, root = post, ask }: Props) {
  const client = useClient();
  const { view } = client;
  const own = post.author === view.me;
  const follows = view.follows(`post:${post.root}`).value;
  const items: MenuItem[] = [];
  if (own && !post.deleted) items.push({ label: t.edit, act: () => ask("edit") });
  if (isRoot(post)) {
    items.push({
      label: follows ? t.unfollowThread : t.followThread,
      act: () => void act(client, { do: "follow.set", kind: "post", target: post.id, on: !follows }, follows),
    });
  }
  if (post.kind === "idea" && isSteward(view, root) && !post.deleted) items.push({ label: t.moveIdea, act: () => ask("move") });
  if (isSteward(view, root) && !own && !post.deleted) {
    const verified = post.verified_by.includes(view.me);
    items.push({
      label: verified ? t.unverify : t.verify,
      act: () => void act(client, { do: "verification.set", target: post.id, on: !verified }),
    });
  }
  items.push({ label: t.copyLink, act: () => void copyLink(post) });
  if (post.edited_at) items.push({ label: t.history, act: () => ask("history") });
  if (!own && !post.deleted) items.push({ label: t.report, act: () => ask("report") });
  if (own && !post.deleted) items.push({ label: t.delete, act: () => ask("delete"), danger: true });
  if (own) items.push({ label: t.erase, act: () => ask("erase"), danger: true });
  return <Menu label={t.postActions} face={<Icon name="more" />} items={items} />;
}

/** Moderators and owners of the community check what others wrote, and move its ideas on. */
function isSteward(view: View, root: Post): boolean {
  const role = view.membership(root.place.slice(2)).value?.role ?? "none";
  return role === "moderator" || role === "owner";
}

async function copyLink(post: Post): Promise<void> {
  const address = `${window.location.origin}/t/${post.root}${isRoot(post) ? "" : `#${post.id}`}`;
  await navigator.clipboard.writeText(address).then(() => tell(t.linkCopied), () => tell(address));
}
