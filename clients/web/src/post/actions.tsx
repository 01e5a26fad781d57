/** What a reader can do with a post in one press, with the numbers of everybody's. */

import { type Post, type Reaction, isRoot } from "@tap/sdk";
import type { ComponentChildren } from "preact";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { compact } from "../format.ts";
import { t } from "../strings.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Menu } from "../ui/menu.tsx";

export const EMOJI = ["👍", "❤️", "🎉", "😄", "🤔", "👀"] as const;

/** What can solve somebody's problem; elsewhere the question would only be noise. */
const SOLVING: ReadonlySet<Post["kind"]> = new Set(["answer", "article", "paper"]);

interface Props {
  post: Post;
  reply?: (() => void) | undefined;
  /** Further buttons of the place it stands in. */
  children?: ComponentChildren;
}

export function PostActions({ post, reply, children }: Props) {
  const { view } = useClient();
  const own = post.author === view.me;
  if (post.deleted || post.hidden) return null;
  return (
    <div class="actions">
      <ReplyAction post={post} reply={reply} />
      <Toggle post={post} reaction="helpful" icon="helpful" label={t.helpful} disabled={own} />
      {SOLVING.has(post.kind) && <Toggle post={post} reaction="solved" icon="solved" label={t.solvedIt} hint={t.solvedItHint} disabled={own} />}
      {children}
      <EmojiRow post={post} />
      {post.source && <ImportedVotes id={post.id} />}
    </div>
  );
}

function ReplyAction({ post, reply }: { post: Post; reply: (() => void) | undefined }) {
  const { replies } = useClient().view.counts(post.id).value;
  const question = post.kind === "question";
  if (!isRoot(post)) {
    return reply ? <button type="button" class="action" onClick={reply}><Icon name="reply" /><span>{t.reply}</span></button> : null;
  }
  return (
    <a class="action" href={`/t/${post.id}`}>
      <Icon name="reply" /><span class="num">{replies > 0 ? t.replies(replies) : question ? t.answer : t.reply}</span>
    </a>
  );
}

interface ToggleProps {
  post: Post;
  reaction: Exclude<Reaction, "emoji">;
  icon: IconName;
  label: string;
  hint?: string;
  disabled: boolean;
}

function Toggle({ post, reaction, icon, label, hint, disabled }: ToggleProps) {
  const client = useClient();
  const on = client.view.reactions(post.id).value.includes(reaction);
  const count = client.view.counts(post.id).value[reaction];
  if (disabled && count === 0) return null;
  return (
    <button
      type="button" class={on ? "action on" : "action"} aria-pressed={on} disabled={disabled} title={hint} data-reaction={reaction}
      onClick={() => void act(client, { do: "reaction.set", target: post.id, reaction, on: !on }, on)}
    >
      <Icon name={icon} /><span>{label}</span>{count > 0 && <span class="num count">{compact(count)}</span>}
    </button>
  );
}

function EmojiRow({ post }: { post: Post }) {
  const client = useClient();
  const mine = client.view.reactions(post.id).value;
  const { emoji } = client.view.counts(post.id).value;
  const toggle = (face: string): void => {
    const on = mine.includes(`emoji:${face}`);
    void act(client, { do: "reaction.set", target: post.id, reaction: "emoji", emoji: face, on: !on }, on);
  };
  return (
    <>
      {Object.entries(emoji).filter(([, count]) => count > 0).map(([face, count]) => (
        <button
          key={face} type="button" class={mine.includes(`emoji:${face}`) ? "emoji on" : "emoji"} aria-pressed={mine.includes(`emoji:${face}`)}
          onClick={() => toggle(face)}
        >
          <span class="face">{face}</span> <span class="num">{compact(count)}</span>
        </button>
      ))}
      <Menu
        label={t.react} face={<Icon name="smile" />} class="action" across
        items={EMOJI.map((face) => ({ label: t.reactWith(face), face, act: () => toggle(face) }))}
      />
    </>
  );
}

/** Votes of the network a post came from: shown, never counted as anybody's here. */
function ImportedVotes({ id }: { id: string }) {
  const { votes_up, votes_down } = useClient().view.counts(id).value;
  if (votes_up + votes_down === 0) return null;
  return <span class="meta num">{t.votes(votes_up, votes_down)}</span>;
}
