/** The way between the pages about contributions; who leads or prepares nominations has more of them. */

import { useClient } from "../client.ts";
import { useMyCommunities } from "../communities.ts";
import { place } from "../router.ts";
import { current } from "../shell/rail.tsx";
import { v } from "./words.ts";

const DECIDING = ["auditor", "region_admin"];
const NOMINATING = ["communications_leader", "region_admin"];

/** Whether cases are this person's to decide; the node asks again. */
export function useDecides(): boolean {
  const { view } = useClient();
  const roles = view.person(view.me).value?.roles ?? [];
  return DECIDING.some((role) => roles.includes(role));
}

export function Sections() {
  const { view } = useClient();
  const roles = view.person(view.me).value?.roles ?? [];
  const leads = useMyCommunities().some(({ id }) => ["owner", "moderator"].includes(view.membership(id).value?.role ?? ""));
  const pages: [string, string][] = [["/impact", v.mine]];
  if (leads || roles.includes("communications_leader")) pages.push(["/leader", v.leading]);
  if (NOMINATING.some((role) => roles.includes(role))) pages.push(["/recognition", v.nominees]);
  pages.push(["/shown", v.shown], ["/rules", v.rules], ["/cases", v.cases]);
  return (
    <nav class="tabs" aria-label={v.sections}>
      {pages.map(([path, label]) => <a key={path} href={path} aria-current={current(place.value.path, path, [path])}>{label}</a>)}
    </nav>
  );
}
