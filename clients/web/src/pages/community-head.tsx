import type { CommunityView } from "@tap/sdk";

import { place } from "../router.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { RegionBadge } from "../ui/person.tsx";
import { JoinButton } from "./join.tsx";

export function hasBoard(mode: CommunityView["mode"]): boolean {
  return mode === "friendly" || mode === "programme";
}

/** Name, members and the way between a community's pages; a board is one of them where its mode has one. */
export function CommunityHead({ community, members }: { community: CommunityView; members: number }) {
  const { id, mode } = community;
  const address = `/c/${id}`;
  const { path } = place.value;
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
      {(hasBoard(mode) || path !== address) && (
        <nav class="tabs" aria-label={community.name}>
          <a href={address} aria-current={path === address ? "page" : undefined}>{t.posts}</a>
          <a href={`${address}/board`} aria-current={path === address ? undefined : "page"}>{t.board}</a>
        </nav>
      )}
    </>
  );
}
