import type { Post } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { PersonAvatar, PersonLink } from "../ui/person.tsx";

const SHOWN_MAX = 8;

/** Where the thread stands, who takes part, and whether one wants to hear of it. */
export function AboutThread({ root, replies }: { root: Post; replies: readonly Post[] }) {
  const client = useClient();
  const community = client.view.community(root.place.slice(2)).value;
  const follow = `post:${root.id}`;
  const follows = client.view.follows(follow).value;
  const people = [...new Set([root.author, ...replies.map((reply) => reply.author)])];
  return (
    <>
      <section class="side-section">
        <h2>{t.aboutThread}</h2>
        {community && <p>{t.in} <a class="strong" href={`/c/${community.id}`} dir="auto">{community.name}</a></p>}
        <button
          type="button" class="button quiet" aria-pressed={follows}
          onClick={() => void act(client, { do: "follow.set", kind: "post", target: root.id, on: !follows }, follows)}
        >
          {follows ? t.following : t.follow}
        </button>
      </section>
      <section class="side-section">
        <h2>{t.participants}</h2>
        <ul class="side-list people">
          {people.slice(0, SHOWN_MAX).map((id) => <li key={id} class="row"><PersonAvatar id={id} size="s" /><PersonLink id={id} /></li>)}
        </ul>
      </section>
    </>
  );
}
