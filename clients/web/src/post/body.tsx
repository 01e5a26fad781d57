/** What a post says, each kind in its own form. Long ones are folded in lists, never in their own thread. */

import type { Post } from "@tap/sdk";
import { useState } from "preact/hooks";

import { t } from "../strings.ts";
import { Markdown } from "../text/markdown.tsx";
import { Files } from "./files.tsx";
import { AnnouncementBox, IdeaBox, PaperBox, PraiseBox } from "./kinds.tsx";
import { Poll } from "./poll.tsx";

const FOLDED_CHARS = 900;
const FOLDED_LINES = 14;

interface Props {
  post: Post;
  folded: boolean;
  /** The level of the heading above the text. */
  below: number;
}

export function PostBody({ post, folded, below }: Props) {
  if (post.deleted) return <p class="gone">{post.root === post.id ? t.deletedPost : t.deletedReply}</p>;
  if (post.hidden) return <p class="gone">{post.hidden_for === "" ? t.hiddenPost : t.hiddenFor(post.hidden_for)}</p>;
  const { detail } = post;
  return (
    <>
      <PraiseBox post={post} />
      <PaperBox post={post} />
      <Text post={post} folded={folded} below={below} />
      <Files post={post} />
      {detail?.poll && <Poll post={post} spec={detail.poll} />}
      <IdeaBox post={post} />
      <AnnouncementBox post={post} />
      {post.topics.length > 0 && <ul class="topics" aria-label={t.topics}>{post.topics.map((topic) => <li key={topic} dir="auto">{topic}</li>)}</ul>}
    </>
  );
}

function Text({ post, folded, below }: Props) {
  const long = folded && (post.text.length > FOLDED_CHARS || post.text.split("\n").length > FOLDED_LINES);
  const [open, setOpen] = useState(false);
  // A praise or a paper may say in its text what stands above it already.
  const said = post.detail?.praise?.behaviour ?? post.detail?.paper?.abstract;
  if (post.text === "" || post.text === said) return null;
  const words = <Markdown text={post.text} mentions={post.mentions} below={below} {...(post.lang ? { lang: post.lang } : {})} />;
  if (!long) return words;
  return (
    <>
      <div class={open ? "" : "folded"}>{words}</div>
      <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t.less : t.more}</button>
    </>
  );
}
