/** The left rail: where one can go, where one belongs, and how the connection is. */

import { useClient } from "../client.ts";
import { useMyCommunities } from "../communities.ts";
import { go, place } from "../router.ts";
import { signOut } from "../session.ts";
import { t } from "../strings.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Menu } from "../ui/menu.tsx";
import { PersonAvatar, usePerson } from "../ui/person.tsx";
import { helpOpen } from "./help.tsx";
import { Status } from "./status.tsx";
import { setTheme, theme } from "./theme.ts";

export const DESTINATIONS: { path: string; icon: IconName; label: string }[] = [
  { path: "/", icon: "home", label: t.home },
  { path: "/communities", icon: "communities", label: t.communities },
  { path: "/people", icon: "people", label: t.people },
  { path: "/impact", icon: "impact", label: t.impact },
];

const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "/people": ["/people/knows"],
  "/impact": ["/leader", "/recognition", "/shown", "/rules", "/cases"],
};

/** "page" for the destination itself, "true" for a page that is reached from it: one of its rooms, or below one. */
export function current(here: string, path: string, rooms = ROOMS[path] ?? []): "page" | "true" | undefined {
  if (here === path) return "page";
  return rooms.some((room) => here === room || here.startsWith(`${room}/`)) ? "true" : undefined;
}

export function Rail() {
  return (
    <header class="rail">
      <a class="wordmark" href="/">{t.product}<RegionMark /></a>
      <nav aria-label={t.mainNavigation}>
        <ul>
          {DESTINATIONS.map(({ path, icon, label }) => (
            <li key={path}>
              <a href={path} aria-current={current(place.value.path, path)}><Icon name={icon} size={20} /><span>{label}</span></a>
            </li>
          ))}
        </ul>
      </nav>
      <MyCommunities />
      <div class="rail-foot">
        <Status />
        <Account />
      </div>
    </header>
  );
}

function RegionMark() {
  const { store } = useClient();
  const region = store.region.value.toUpperCase();
  return <span class="region" title={t.region(region)}>{region}</span>;
}

function MyCommunities() {
  const communities = useMyCommunities();
  if (communities.length === 0) return null;
  return (
    <nav class="my-communities" aria-label={t.yourCommunities}>
      <h2>{t.yourCommunities}</h2>
      <ul>
        {communities.map(({ id, name }) => (
          <li key={id}><a href={`/c/${id}`} dir="auto" aria-current={place.value.path === `/c/${id}` ? "page" : undefined}>{name}</a></li>
        ))}
      </ul>
    </nav>
  );
}

export function Account() {
  const client = useClient();
  const { name } = usePerson(client.view.me);
  const next = { system: "light", light: "dark", dark: "system" } as const;
  return (
    <Menu
      label={t.account} class="account" named
      face={<><PersonAvatar id={client.view.me} size="s" /><span class="unseen">{t.account}: </span><span class="account-name" dir="auto">{name}</span></>}
      items={[
        { label: t.profile, act: () => go(`/p/${client.view.me}`) },
        { label: t.messages, act: () => go("/messages") },
        { label: t.whatOthersSee, act: () => go("/shown") },
        { label: `${t.theme}: ${t.themes[theme.value]}`, act: () => setTheme(next[theme.value]) },
        { label: client.store.paused.value ? t.resumeLive : t.pauseLive, act: () => client.store.pause(!client.store.paused.value) },
        { label: t.keyboardHelp, act: () => { helpOpen.value = true; } },
        { label: t.signOut, act: () => void signOut() },
      ]}
    />
  );
}
