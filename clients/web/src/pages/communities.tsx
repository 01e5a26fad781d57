import type { CommunityView, TapClient } from "@tap/sdk";
import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { RegionBadge } from "../ui/person.tsx";
import { JoinButton } from "./join.tsx";
import { NewCommunity } from "./new-community.tsx";
import { Page } from "./page.tsx";

export function CommunitiesPage() {
  const client = useClient();
  const [query, setQuery] = useState("");
  const [creating, setCreating] = useState(false);
  const list = useLoad("communities", () => loadAll(client));
  return (
    <Page title={t.communities}>
      <div class="row">
        <input type="search" class="grow" aria-label={t.findCommunity} placeholder={t.findCommunity} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
        <button type="button" class="button" onClick={() => setCreating(true)}>{t.newCommunity}</button>
      </div>
      <Loaded from={list}>{() => <CommunityList query={query} />}</Loaded>
      {creating && <NewCommunity onClose={() => setCreating(false)} />}
    </Page>
  );
}

const PAGES_MAX = 20;

interface Answer {
  communities: CommunityView[];
  next: string | null;
}

/** Every community there is to read, into the store. */
async function loadAll(client: TapClient, before?: string, pages = 1): Promise<true> {
  const { communities, next } = await client.api.get<Answer>("/communities", { before });
  for (const community of communities) client.store.put("communities", community.id, community);
  return next === null || pages === PAGES_MAX ? true : loadAll(client, next, pages + 1);
}

const byName = new Intl.Collator(t.language);

/** Everything known, so that a community founded elsewhere appears by itself. */
function CommunityList({ query }: { query: string }) {
  const { store, view } = useClient();
  const wanted = query.trim().toLocaleLowerCase();
  const found = (store.ids("communities").value ?? [])
    .flatMap((id) => view.community(id).value ?? [])
    .filter((community) => !community.archived && `${community.name} ${community.about}`.toLocaleLowerCase().includes(wanted))
    .toSorted((a, b) => byName.compare(a.name, b.name));
  return (
    <>
      <output class="meta num">{t.communityCount(found.length)}</output>
      <ul class="rows">{found.map((community) => <Row key={community.id} community={community} />)}</ul>
    </>
  );
}

function Row({ community }: { community: CommunityView }) {
  return (
    <li class="community-row">
      <div class="grow">
        <h2 class="row-title">
          <a href={`/c/${community.id}`} dir="auto">{community.name}</a> <RegionBadge home={community.home} />
          {community.visibility === "private" && <span class="tag"><Icon name="lock" size={14} />{t.privateCommunity}</span>}
        </h2>
        {community.about !== "" && <p class="meta clamp" dir="auto">{community.about}</p>}
      </div>
      <JoinButton community={community} />
    </li>
  );
}
