import type { CommunityView } from "@tap/sdk";

import { useClient } from "../client.ts";
import { isSteward } from "../communities.ts";
import { place } from "../router.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { RegionBadge } from "../ui/person.tsx";
import { JoinButton } from "./join.tsx";

export function hasBoard(mode: CommunityView["mode"]): boolean {
  return mode === "friendly" || mode === "programme";
}

/** Name, members and the way between a community's pages; a board is one of them where its mode has one, reports for who moderates it. */
export function CommunityHead({ community, members }: { community: CommunityView; members: number }) {
  const { id, mode } = community;
  const address = `/c/${id}`;
  const { path } = place.value;
  const pages: [string, string][] = [[address, t.posts]];
  if (hasBoard(mode) || path === `${address}/board`) pages.push([`${address}/board`, t.board]);
  if (isSteward(useClient(), `c:${id}`) || path === `${address}/reports`) pages.push([`${address}/reports`, t.reports]);
  return (
    <>
      <header class="community-head">
        <div class="grow">
          <h1 class="page-title" dir="auto" tabIndex={-1}>{community.name} <RegionBadge home={community.home} /></h1>
          <p class="meta num">
            {community.visibility === "private" && <><Icon name="lock" size={14} /> {t.privateCommunity} · </>}
            {t.members(members)}
          </p>
        </div>
        <JoinButton community={community} />
      </header>
      {pages.length > 1 && (
        <nav class="tabs" aria-label={community.name}>
          {pages.map(([page, label]) => <a key={page} href={page} aria-current={path === page ? "page" : undefined}>{label}</a>)}
        </nav>
      )}
    </>
  );
}
