import type { CommunityView } from "@tap/sdk";
import { useMemo } from "preact/hooks";

import { useClient } from "../client.ts";
import { useCommunity } from "../communities.ts";
import { Composer } from "../compose/composer.tsx";
import { FeedList } from "../feed/feed.tsx";
import type { FeedSource } from "../feed/model.ts";
import { day } from "../format.ts";
import { t } from "../strings.ts";
import { CommunityHead } from "./community-head.tsx";
import { ModeFact } from "./community-mode.tsx";
import { LoadedPage, Page } from "./page.tsx";

export function CommunityPage({ id }: { id: string }) {
  const { view } = useClient();
  return (
    <LoadedPage from={useCommunity(id)}>
      {({ community, members }) => <Community community={view.community(id).value ?? community} members={members} />}
    </LoadedPage>
  );
}

function Community({ community, members }: { community: CommunityView; members: number }) {
  const { view } = useClient();
  const { id } = community;
  const role = view.membership(id).value?.role ?? "none";
  const inside = view.joined(id).value || role !== "none";
  const source = useMemo<FeedSource>(() => ({
    key: `community:${id}`, path: `/communities/${id}/posts`, query: { limit: "30" }, accepts: (post) => post.place === `c:${id}`, channel: `c:${id}`,
  }), [id]);
  return (
    <Page title={community.name} heading="own" beside={<About community={community} members={members} />}>
      <CommunityHead community={community} members={members} />
      {community.about !== "" && <p class="lead narrow-only" dir="auto">{community.about}</p>}
      <details class="why narrow-only">
        <summary>{t.about}</summary>
        <Facts community={community} members={members} />
      </details>
      {inside && !community.archived && <Composer community={id} />}
      <FeedList source={source} label={community.name} empty={t.communityEmpty} showPlace={false} pendingIn={`c:${id}`} />
    </Page>
  );
}

interface Props {
  community: CommunityView;
  members: number;
}

function About({ community, members }: Props) {
  return (
    <section class="side-section">
      <h2>{t.about}</h2>
      {community.about !== "" && <p dir="auto">{community.about}</p>}
      <Facts community={community} members={members} />
    </section>
  );
}

function Facts({ community, members }: Props) {
  const client = useClient();
  const role = client.view.membership(community.id).value?.role ?? "none";
  return (
    <dl class="facts">
      <div><dt>{t.membersTitle}</dt><dd class="num">{members}</dd></div>
      <div><dt>{t.openTo}</dt><dd>{community.visibility === "open" ? t.visibilityOpen : t.visibilityPrivate}</dd></div>
      <div><dt>{t.communityAudience}</dt><dd>{audienceText(community)}</dd></div>
      <div><dt>{t.homeRegion}</dt><dd>{community.home.toUpperCase()}</dd></div>
      {community.at > 0 && <div><dt>{t.since}</dt><dd>{day(community.at, client.now())}</dd></div>}
      <ModeFact community={community} own={role === "owner"} />
      {role !== "none" && <div><dt>{t.role}</dt><dd>{t.roles[role]}</dd></div>}
    </dl>
  );
}

function audienceText(community: CommunityView): string {
  if (community.audience === "global") return t.audienceGlobal;
  if (community.audience.startsWith("group.")) return t.audienceGroup(community.audience.slice("group.".length).toUpperCase());
  return t.audienceRegion(community.home.toUpperCase());
}
