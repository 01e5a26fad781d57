/** Who knows about a topic: whom to ask, why them, and whether they are there. */

import type { Bundle, PersonView } from "@tap/sdk";
import { useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { Page } from "../pages/page.tsx";
import { PeopleTabs } from "../pages/people-tabs.tsx";
import { go, place } from "../router.ts";
import { t } from "../strings.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { RegionBadge, describe } from "../ui/person.tsx";
import { PresenceDot } from "../ui/presence.tsx";
import { HelloButton } from "./hello.tsx";
import { type Expert, type Experts, askingAddress, topicsAround } from "./knows-data.ts";
import { v } from "./words.ts";

const CHIPS_MAX = 14;

export function KnowsPage() {
  const topic = place.value.query.get("topic") ?? "";
  return (
    <Page title={t.people}>
      <PeopleTabs />
      <p class="lead">{v.knowsIntro}</p>
      <TopicSearch key={topic} topic={topic} />
      <Topics chosen={topic} />
      {topic !== "" && <Knowing topic={topic} />}
    </Page>
  );
}

const addressOf = (topic: string): string => `/people/knows?topic=${encodeURIComponent(topic)}`;

function TopicSearch({ topic }: { topic: string }) {
  const [text, setText] = useState(topic);
  const search = (event: Event): void => {
    event.preventDefault();
    const wanted = text.trim().replace(/^#/u, "").toLocaleLowerCase();
    if (wanted !== "") go(addressOf(wanted));
  };
  return (
    <form class="row" role="search" onSubmit={search}>
      <input
        type="search" class="grow" dir="auto" aria-label={v.knowsAbout} placeholder={`${v.knowsAbout} ${v.knowsHint}`} value={text} autocomplete="off"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="button">{v.whoKnows}</button>
    </form>
  );
}

function Topics({ chosen }: { chosen: string }) {
  const client = useClient();
  const { data } = useLoad("topics-around", () => client.load<Bundle>("/feed", { view: "latest", limit: 100 }));
  const skills = client.view.person(client.view.me).value?.skills ?? [];
  const topics = topicsAround(skills, Object.values(data?.posts ?? {}), CHIPS_MAX);
  if (topics.length === 0) return null;
  return (
    <nav class="chips" aria-label={v.topicsNow}>
      {topics.map((topic) => <a key={topic} class="chip" href={addressOf(topic)} dir="auto" aria-current={topic === chosen ? "page" : undefined}>#{topic}</a>)}
    </nav>
  );
}

function Knowing({ topic }: { topic: string }) {
  const { api } = useClient();
  const found = useLoad(`knows:${topic}`, () => api.get<Experts>("/experts", { topic }));
  return (
    <Loaded from={found}>
      {({ experts, people }) => experts.length === 0
        ? <div class="empty"><p>{v.nobodyKnows(topic)}</p><a class="button" href={`/?new=question&topic=${encodeURIComponent(topic)}`}>{v.askAnyway}</a></div>
        : <ul class="rows">{experts.map((expert) => <li key={expert.person}><Known expert={expert} person={people[expert.person]} topic={topic} /></li>)}</ul>}
    </Loaded>
  );
}

function Known({ expert, person, topic }: { expert: Expert; person: PersonView | undefined; topic: string }) {
  const { view } = useClient();
  if (person === undefined) return null;
  const { record } = expert;
  return (
    <div class="known" data-person={person.id}>
      <Avatar id={person.id} name={person.name} />
      <div class="grow">
        <span class="person-name">
          <a href={`/p/${person.id}`} dir="auto">{person.name}</a>
          {!person.bot && <PresenceDot id={person.id} />}
          <RegionBadge home={person.home} />
          {!record.expert && <span class="tag" title={v.emergingHint}>{v.emerging}</span>}
        </span>
        <p class="meta" dir="auto">{describe(person)}</p>
        <p class="evidence">{record.evidence}</p>
        <p class="meta num">{availability(expert).join(" · ")}</p>
        {person.id !== view.me && <Acts person={person} topic={topic} />}
      </div>
    </div>
  );
}

function availability({ shared_minutes, week_answers, week_calls, busy }: Expert): string[] {
  const told = [v.answeredThisWeek(week_answers)];
  if (shared_minutes !== null) told.unshift(v.sharedHours(shared_minutes));
  if (week_calls > 0) told.push(v.asked(week_calls));
  if (busy) told.push(v.busy);
  return told;
}

function Acts({ person, topic }: { person: PersonView; topic: string }) {
  const client = useClient();
  const follows = client.view.follows(`person:${person.id}`).value;
  return (
    <div class="acts">
      <a class="button" href={askingAddress(person.id, topic)} aria-label={v.askPerson(person.name)}>{v.ask}</a>
      <button
        type="button" class="button quiet" aria-pressed={follows} aria-label={follows ? undefined : v.followPerson(person.name)}
        onClick={() => void act(client, { do: "follow.set", kind: "person", target: person.id, on: !follows }, follows)}
      >
        {follows ? t.following : t.follow}
      </button>
      <HelloButton person={person} />
    </div>
  );
}
