/** One reply or answer in its thread. */

import type { Post } from "@tap/sdk";
import { useId, useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { PostActions } from "../post/actions.tsx";
import { Asking } from "../post/asking.tsx";
import { PostBody } from "../post/body.tsx";
import { PostHead } from "../post/head.tsx";
import { RefusedEdit } from "../post/pending.tsx";
import { type Ask, PostMenu } from "../post/post-menu.tsx";
import { VerifiedMark } from "../post/verified.tsx";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { PersonAvatar } from "../ui/person.tsx";
import { ReplyBox } from "./reply-box.tsx";
import type { Branch } from "./tree.ts";

interface Props {
  branch: Branch;
  root: Post;
  /** It came while the reader was here. */
  fresh: boolean;
}

export function Reply({ branch, root, fresh }: Props) {
  const { view } = useClient();
  const post = view.post(branch.id).value;
  const label = useId();
  const [asked, setAsked] = useState<Ask | null>(null);
  const [answering, setAnswering] = useState(false);
  if (post === undefined) return null;
  const accepted = root.accepted === post.id;
  return (
    <article
      class={`reply depth-${branch.depth}${accepted ? " accepted" : ""}`} id={post.id} data-item={post.id} data-depth={branch.depth}
      tabIndex={-1} aria-labelledby={label}
    >
      <PersonAvatar id={post.author} size="s" />
      <div class="post-main">
        {branch.orphan && <p class="orphan"><Icon name="clock" size={14} /> {t.orphan}</p>}
        {accepted && <p class="accepted-mark"><Icon name="check" size={16} /> {t.accepted}</p>}
        <div class="post-top">
          <PostHead post={post} labelId={label} openHistory={() => setAsked("history")} />
          {fresh && <span class="fresh">{t.newMark}</span>}
          <PostMenu post={post} root={root} ask={setAsked} />
        </div>
        <PostBody post={post} folded={false} below={2} />
        <RefusedEdit post={post.id} edit={() => setAsked("edit")} />
        <VerifiedMark post={post} />
        <PostActions post={post} reply={root.locked ? undefined : () => setAnswering(!answering)}>
          <AcceptButton post={post} root={root} />
        </PostActions>
        {answering && <ReplyBox parent={post} label={t.reply} onDone={() => setAnswering(false)} autofocus />}
      </div>
      <Asking post={post} what={asked} onClose={() => setAsked(null)} />
    </article>
  );
}

/** Accepting is the asker's, and only of what answers the question itself. */
function AcceptButton({ post, root }: { post: Post; root: Post }) {
  const client = useClient();
  const mayAccept = root.kind === "question" && root.author === client.view.me && post.parent === root.id;
  if (!mayAccept) return null;
  const accepted = root.accepted === post.id;
  return (
    <button
      type="button" class={accepted ? "action on" : "action"} aria-pressed={accepted}
      onClick={() => void act(client, { do: "answer.accept", question: root.id, answer: accepted ? null : post.id })}
    >
      <Icon name="check" /><span>{accepted ? t.unaccept : t.accept}</span>
    </button>
  );
}
