import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import type { Feed } from "./model.ts";

/** Lies over the page and takes no room in it: what is being read stays where it is. */
export function NewPosts({ feed }: { feed: Feed }) {
  const count = feed.waiting.value.length;
  if (count === 0) return null;
  const show = (): void => {
    feed.show();
    window.scrollTo({ top: 0 });
    requestAnimationFrame(() => document.querySelector<HTMLElement>(".feed > article")?.focus());
  };
  return (
    <div class="pill-place">
      <button type="button" class="pill" onClick={show}>
        <Icon name="up" size={16} /> <span class="num">{t.newPosts(count)}</span>
      </button>
    </div>
  );
}
