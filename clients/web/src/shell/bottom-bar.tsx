/** The phone's navigation: within reach of a thumb. */

import { place } from "../router.ts";
import { t } from "../strings.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { current } from "./rail.tsx";

const ITEMS: { path: string; icon: IconName; label: string }[] = [
  { path: "/", icon: "home", label: t.home },
  { path: "/?new=question", icon: "question", label: t.ask },
  { path: "/?new=update", icon: "add", label: t.create },
  { path: "/communities", icon: "communities", label: t.communities },
  { path: "/impact", icon: "impact", label: t.impact },
];

export function BottomBar() {
  const { path, query } = place.value;
  const here = path + (query.get("new") ? `?new=${query.get("new")}` : "");
  return (
    <nav class="bottom-bar" aria-label={t.mainNavigation}>
      {ITEMS.map((item) => (
        <a key={item.path} href={item.path} aria-current={current(here, item.path)}>
          <Icon name={item.icon} size={22} /><span>{item.label}</span>
        </a>
      ))}
    </nav>
  );
}
