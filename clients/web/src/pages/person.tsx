import type { PersonView } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { clockIn } from "../format.ts";
import { PostCard } from "../post/card.tsx";
import { t } from "../strings.ts";
import { Avatar } from "../ui/avatar.tsx";
import { tick } from "../ui/clock.ts";
import { lazy } from "../ui/lazy.tsx";
import { useLoad } from "../ui/load.tsx";
import { RegionBadge, describe } from "../ui/person.tsx";
import { PresenceDot } from "../ui/presence.tsx";
import { LoadedPage, Page } from "./page.tsx";
import { fetchPerson } from "./person-data.ts";

const PersonRecord = lazy(async () => (await import("../value/record.tsx")).PersonRecordView, "part");
const EditProfile = lazy(async () => (await import("./profile.tsx")).EditProfileButton, "part");
const Hello = lazy(async () => (await import("../value/hello.tsx")).HelloButton, "part");

export function PersonPage({ id }: { id: string }) {
  const client = useClient();
  const found = useLoad(`person:${id}`, () => fetchPerson(client, id));
  return (
    <LoadedPage from={found}>
      {(page) => <Person person={client.view.person(id).value ?? page.person} posts={page.order ?? []} />}
    </LoadedPage>
  );
}

function Person({ person, posts }: { person: PersonView; posts: readonly string[] }) {
  const { me } = useClient().view;
  return (
    <Page title={person.name} heading="own" beside={<Skills person={person} />}>
      <header class="person-head">
        <Avatar id={person.id} name={person.name} size="l" />
        <div class="grow">
          <h1 class="page-title" dir="auto" tabIndex={-1}>{person.name} {!person.bot && <PresenceDot id={person.id} />} <RegionBadge home={person.home} /></h1>
          <p class="meta" dir="auto">{describe(person)}</p>
          <p class="meta num">{[person.country, localTime(person), person.active ? "" : t.formerColleague].filter((part) => part !== "").join(" · ")}</p>
        </div>
        <div class="acts">
          <FollowButton id={person.id} />
          {person.id === me ? <EditProfile /> : !person.bot && <Hello person={person} />}
        </div>
      </header>
      {person.about !== "" && <p class="lead" dir="auto">{person.about}</p>}
      <div class="narrow-only"><Skills person={person} /></div>
      <PersonRecord id={person.id} />
      <h2 class="section-title">{t.recentPosts}</h2>
      {posts.length === 0 && <p class="empty">{t.personEmpty}</p>}
      <div class="feed">{posts.map((post, index) => <PostCard key={post} id={post} at={index + 1} />)}</div>
    </Page>
  );
}

function localTime(person: PersonView): string {
  const client = useClient();
  void tick.value;
  const time = clockIn(person.timezone, client.now());
  return time === "" ? "" : t.localTime(time);
}

function FollowButton({ id }: { id: string }) {
  const client = useClient();
  if (id === client.view.me) return null;
  const follows = client.view.follows(`person:${id}`).value;
  return (
    <button
      type="button" class={follows ? "button quiet" : "button"} aria-pressed={follows}
      onClick={() => void act(client, { do: "follow.set", kind: "person", target: id, on: !follows }, follows)}
    >
      {follows ? t.following : t.follow}
    </button>
  );
}

function Skills({ person }: { person: PersonView }) {
  if (person.skills.length === 0) return null;
  return (
    <section class="side-section">
      <h2>{t.skills}</h2>
      <ul class="topics">{person.skills.map((skill) => <li key={skill} dir="auto">{skill}</li>)}</ul>
    </section>
  );
}
