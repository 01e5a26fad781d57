import type { CommunityView } from "@tap/sdk";
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
  const list = useLoad("communities", async () => {
    const { communities } = await client.api.get<{ communities: CommunityView[] | Record<string, CommunityView> }>("/communities");
    const all = Object.values(communities);
    for (const community of all) client.store.put("communities", community.id, community);
    return all;
  });
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
