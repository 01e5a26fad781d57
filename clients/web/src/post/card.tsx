/** A post at the top of a thread, in a list or as the head of its own page. */

import type { Post } from "@tap/sdk";
import { useId, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { PersonAvatar } from "../ui/person.tsx";
import { PostActions } from "./actions.tsx";
import { Asking } from "./asking.tsx";
import { PostBody } from "./body.tsx";
import { PostHead, PostMarks } from "./head.tsx";
import { RefusedEdit } from "./pending.tsx";
import { type Ask, PostMenu } from "./post-menu.tsx";
import { VerifiedMark } from "./verified.tsx";

interface Props {
  id: string;
  /** Place in a feed, from 1; absent on the post's own page. */
  at?: number;
  showPlace?: boolean;
}

export function PostCard({ id, at, showPlace = true }: Props) {
  const post = useClient().view.post(id).value;
  if (post === undefined) return null;
  return <Card post={post} {...(at === undefined ? {} : { at })} showPlace={showPlace} />;
}

function Card({ post, at, showPlace }: { post: Post; at?: number; showPlace: boolean }) {
  const label = useId();
  const [asked, setAsked] = useState<Ask | null>(null);
  const alone = at === undefined;
  const inFeed = alone ? {} : { tabIndex: 0, "aria-posinset": at, "aria-setsize": -1 };
  return (
    <article class={alone ? "post alone" : "post"} data-item={post.id} aria-labelledby={label} {...inFeed}>
      <PersonAvatar id={post.author} />
      <div class="post-main">
        <div class="post-top">
          <PostHead post={post} labelId={label} showPlace={showPlace} openHistory={() => setAsked("history")} />
          <PostMenu post={post} ask={setAsked} />
        </div>
        <Title post={post} alone={alone} />
        <PostBody post={post} folded={!alone} below={alone || post.title === "" ? 1 : 2} />
        <RefusedEdit post={post.id} edit={() => setAsked("edit")} />
        <VerifiedMark post={post} />
        <PostActions post={post} />
      </div>
      <Asking post={post} what={asked} onClose={() => setAsked(null)} />
    </article>
  );
}

function Title({ post, alone }: { post: Post; alone: boolean }) {
  const marks = <PostMarks post={post} showThread />;
  if (post.deleted || post.hidden) return null;
  if (post.title === "") return <div class="marks">{marks}</div>;
  return (
    <>
      <div class="marks">{marks}</div>
      {alone
        ? <h1 class="post-title" dir="auto" tabIndex={-1}>{post.title}</h1>
        : <h2 class="post-title" dir="auto"><a href={`/t/${post.id}`}>{post.title}</a></h2>}
    </>
  );
}
