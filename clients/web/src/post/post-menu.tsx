/** Everything rarer than a reaction. */

import { type Moderate, type Post, type TapClient, isRoot } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { isSteward, moderatesHere } from "../communities.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { Menu, type MenuItem } from "../ui/menu.tsx";
import { tell } from "../ui/notice.tsx";

export type Ask = "edit" | "delete" | "erase" | "history" | "report" | "move" | "hide";

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
  const steward = isSteward(client, root.place);
  const follows = view.follows(`post:${post.root}`).value;
  const items: MenuItem[] = [];
  // Of a hidden one there are no words to begin with.
  if (own && !post.deleted && !post.hidden) items.push({ label: t.edit, act: () => ask("edit") });
  if (isRoot(post)) {
    items.push({
      label: follows ? t.unfollowThread : t.followThread,
      act: () => void act(client, { do: "follow.set", kind: "post", target: post.id, on: !follows }, follows),
    });
  }
  if (post.kind === "idea" && steward && !post.deleted) items.push({ label: t.moveIdea, act: () => ask("move") });
  if (steward && !own && !post.deleted) {
    const verified = post.verified_by.includes(view.me);
    items.push({
      label: verified ? t.unverify : t.verify,
      act: () => void act(client, { do: "verification.set", target: post.id, on: !verified }),
    });
  }
  if (moderatesHere(client, root.place)) items.push(...moderation(client, post, ask));
  items.push({ label: t.copyLink, act: () => void copyLink(post) });
  if (post.hidden && steward) items.push({ label: t.readHidden, act: () => ask("history") });
  else if (post.edited_at) items.push({ label: t.history, act: () => ask("history") });
  if (!own && !post.deleted) items.push({ label: t.report, act: () => ask("report") });
  if (own && !post.deleted) items.push({ label: t.delete, act: () => ask("delete"), danger: true });
  if (own) items.push({ label: t.erase, act: () => ask("erase"), danger: true });
  return <Menu label={t.postActions} face={<Icon name="more" />} items={items} />;
}

/** What is gone is neither pinned nor hidden any more, but its thread goes on, and whatever is on may be ended. */
function moderation(client: TapClient, post: Post, ask: Props["ask"]): MenuItem[] {
  const set = (what: Moderate["act"], on: boolean) => (): void => void act(client, { do: "moderation.act", target: post.id, act: what, on });
  const items: MenuItem[] = [];
  if (isRoot(post) && (post.pinned || !post.deleted)) items.push({ label: post.pinned ? t.unpin : t.pin, act: set("pin", !post.pinned) });
  if (isRoot(post)) items.push({ label: post.locked ? t.unlock : t.lock, act: set("lock", !post.locked) });
  if (post.author === client.view.me) return items;
  // What is hidden at home alone has no such reason, and may still be hidden everywhere.
  if (post.hidden_for !== "") items.push({ label: t.showAgain, act: set("hide", false) });
  else if (!post.deleted) items.push({ label: t.hide, act: () => ask("hide") });
  return items;
}

async function copyLink(post: Post): Promise<void> {
  const address = `${window.location.origin}/t/${post.root}${isRoot(post) ? "" : `#${post.id}`}`;
  await navigator.clipboard.writeText(address).then(() => tell(t.linkCopied), () => tell(address));
}
