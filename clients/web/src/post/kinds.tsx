/** The parts only one kind of post has. */

import type { Post } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { day, names } from "../format.ts";
import { t } from "../strings.ts";
import { safeAddress } from "../text/safe.ts";
import { Icon } from "../ui/icon.tsx";
import { PersonAvatar, PersonLink, usePerson } from "../ui/person.tsx";

export function PraiseBox({ post }: { post: Post }) {
  const praise = post.detail?.praise;
  if (!praise) return null;
  return (
    <div class="praise">
      <PersonAvatar id={praise.to} size="s" />
      <p><span class="meta">{t.praiseFor} </span><PersonLink id={praise.to} /><br /><span class="praise-what" dir="auto">{praise.behaviour}</span></p>
    </div>
  );
}

export function PaperBox({ post }: { post: Post }) {
  const paper = post.detail?.paper;
  if (!paper) return null;
  const address = safeAddress(paper.link ?? "", window.location.origin);
  return (
    <div class="paper">
      {(paper.coauthors?.length ?? 0) > 0 && <p class="meta"><Coauthors ids={paper.coauthors ?? []} /></p>}
      <p dir="auto">{paper.abstract}</p>
      {paper.link && address && <a href={address} target="_blank" rel="noopener noreferrer nofollow">{t.readPaper}</a>}
    </div>
  );
}

function Coauthors({ ids }: { ids: readonly string[] }) {
  const { view } = useClient();
  return <>{t.coauthors(names(ids.map((id) => view.person(id).value?.name ?? id)))}</>;
}

export function IdeaBox({ post }: { post: Post }) {
  const { idea } = post;
  const { name } = usePerson(idea?.owner ?? "");
  const client = useClient();
  if (!idea || (idea.owner === "" && idea.note === "")) return null;
  return (
    <div class="aside">
      {idea.owner !== "" && <p class="meta">{t.ideaOwner(name)}{idea.due ? `, ${t.ideaDue(day(idea.due, client.now()))}` : ""}</p>}
      {idea.note !== "" && <p dir="auto">{idea.note}</p>}
    </div>
  );
}

export function AnnouncementBox({ post }: { post: Post }) {
  const client = useClient();
  if (!post.detail?.announcement?.acknowledge) return null;
  const done = client.view.acknowledged(post.id).value;
  const { acknowledged } = client.view.counts(post.id).value;
  return (
    <div class="acknowledge">
      {done
        ? <span class="good-text"><Icon name="check" /> {t.acknowledged}</span>
        : <button type="button" class="button" onClick={() => void act(client, { do: "announcement.acknowledge", post: post.id })}>{t.acknowledge}</button>}
      <span class="meta num">{t.acknowledgedBy(acknowledged)}</span>
    </div>
  );
}
