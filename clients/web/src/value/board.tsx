/** The board of a community: ten who helped others in a month, by name and without ranks; or why there is none. */

import type { CommunityView } from "@tap/sdk";

import { useClient } from "../client.ts";
import { useCommunity } from "../communities.ts";
import { points } from "../format.ts";
import { CommunityHead, hasBoard } from "../pages/community-head.tsx";
import { LoadedPage, Page } from "../pages/page.tsx";
import { go, place } from "../router.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { RegionBadge } from "../ui/person.tsx";
import { boardMonths, monthName } from "./months.ts";
import { v } from "./words.ts";

interface OnBoard { person: string; name: string; home: string; helped: number; milli: number | null }
interface Board { mode: CommunityView["mode"]; month: string; shown: boolean; why: "" | "mode" | "nobody"; people: OnBoard[] }

export function BoardPage({ id }: { id: string }) {
  return (
    <LoadedPage from={useCommunity(id)}>
      {({ community, members }) => (
        <Page title={`${community.name}: ${v.board}`} heading="own">
          <CommunityHead community={community} members={members} />
          <Months id={id} mode={community.mode} />
        </Page>
      )}
    </LoadedPage>
  );
}

function Months({ id, mode }: { id: string; mode: CommunityView["mode"] }) {
  const client = useClient();
  const months = boardMonths(client.now());
  const asked = place.value.query.get("month") ?? "";
  const month = months.find((one) => one === asked) ?? months[0];
  const board = useLoad(`board:${id}:${month}`, () => client.api.get<Board>(`/boards/${id}`, { month }));
  return (
    <>
      {hasBoard(mode) && (
        <>
          <p class="lead">{v.boardIntro}</p>
          <label class="inline">
            <span class="meta">{v.boardMonth}</span>
            <select value={month} onChange={(event) => go(`/c/${id}/board?month=${event.currentTarget.value}`, "replace")}>
              {months.map((one) => <option key={one} value={one}>{monthName(one)}</option>)}
            </select>
          </label>
        </>
      )}
      <Loaded from={board}>
        {(answer) => answer.why === "mode"
          ? <p class="empty">{answer.mode === "feedback" ? v.boardFeedback : v.boardMode}</p>
          : answer.people.length === 0
            ? <p class="empty">{v.boardNobody}</p>
            : <ul class="rows board">{answer.people.map((one) => <li key={one.person}><Helper one={one} /></li>)}</ul>}
      </Loaded>
    </>
  );
}

function Helper({ one }: { one: OnBoard }) {
  return (
    <div class="person-row">
      <Avatar id={one.person} name={one.name} />
      <div class="grow">
        <span class="person-name"><a href={`/p/${one.person}`} dir="auto">{one.name}</a><RegionBadge home={one.home} /></span>
        <div class="meta">{v.boardHelped(one.helped)}</div>
      </div>
      {one.milli !== null && <span class="value-points num">{points(one.milli)}</span>}
    </div>
  );
}
