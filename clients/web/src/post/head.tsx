/** Who wrote it, when, where. */

import type { Post } from "@tap/sdk";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { PersonLink, describe, usePerson } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";

interface Props {
  post: Post;
  /** Id for the author's name, by which the article is named. */
  labelId: string;
  /** Off on the page of the place itself. */
  showPlace?: boolean;
  openHistory: () => void;
}

export function PostHead({ post, labelId, showPlace = false, openHistory }: Props) {
  const { person } = usePerson(post.author);
  return (
    <div class="post-head">
      <PersonLink id={post.author} labelId={labelId} present />
      {person && describe(person) !== "" && <span class="meta clip" dir="auto">{describe(person)}</span>}
      <span class="meta post-when">
        <a href={`/t/${post.root}${post.root === post.id ? "" : `#${post.id}`}`}><Time at={post.at} /></a>
        {post.edited_at ? (
          <> · <button type="button" class="link" title={t.editedTitle} onClick={openHistory}>{t.edited}</button></>
        ) : null}
        {post.source && <> · {t.imported(post.source.system)}</>}
        {showPlace && <PlaceLink place={post.place} />}
      </span>
    </div>
  );
}

function PlaceLink({ place }: { place: string }) {
  const { view } = useClient();
  const id = place.startsWith("c:") ? place.slice(2) : "";
  const community = view.community(id).value;
  if (community === undefined) return null;
  return <> · <a class="strong" href={`/c/${id}`} dir="auto">{community.name}</a></>;
}

/** What kind of post it is and what was done to it; an update is the ordinary case and says nothing. */
export function PostMarks({ post, showThread = false }: { post: Post; showThread?: boolean }) {
  const plain = post.kind === "update" || post.kind === "reply" || post.kind === "message" || post.kind === "answer";
  return (
    <>
      {post.root !== post.id && showThread && <a class="tag" href={`/t/${post.root}#${post.id}`}><Icon name="reply" size={14} />{t.inThread}</a>}
      {!plain && <span class={`tag kind-${post.kind}`}>{t.kinds[post.kind]}</span>}
      {post.kind === "question" && post.accepted && <span class="tag good"><Icon name="check" size={14} />{t.answer}</span>}
      {post.idea && <span class={`tag stage-${post.idea.stage}`}>{t.stages[post.idea.stage]}</span>}
      {post.pinned && <span class="tag"><Icon name="pin" size={14} />{t.pinned}</span>}
      {post.locked && <span class="tag"><Icon name="lock" size={14} />{t.locked}</span>}
    </>
  );
}
