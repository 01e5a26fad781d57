/** A live list of posts (WAI-ARIA practices, "Feed"): Page Up and Down walk it, Control with Home or End leaves it. */

import type { ApiError } from "@tap/sdk";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { PendingPost, usePendingPosts } from "../post/pending.tsx";
import { PostCard } from "../post/card.tsx";
import { restoreScroll } from "../router.ts";
import { t } from "../strings.ts";
import { Failure, Waiting } from "../ui/load.tsx";
import { useCountSpoken } from "../ui/notice.tsx";
import { type Feed, type FeedSource, feedOf } from "./model.ts";
import { NewPosts } from "./pill.tsx";

interface Props {
  source: FeedSource;
  label: string;
  empty: string;
  showPlace?: boolean;
  /** Own posts to this place show here while they are on their way. */
  pendingIn?: string | undefined;
}

export function FeedList({ source, label, empty, showPlace = true, pendingIn }: Props) {
  const client = useClient();
  const feed = feedOf(client, source);
  const { error, reload } = useFeed(feed);
  useCountSpoken(feed.waiting.value.length, t.newPosts);
  const shown = feed.shown.value;
  if (error !== null && shown === null) return <Failure error={error} retry={reload} />;
  if (shown === null) return <Waiting />;
  return (
    <>
      <NewPosts feed={feed} />
      <Pending place={pendingIn} />
      {shown.length === 0 ? <p class="empty">{empty}</p> : <Posts feed={feed} shown={shown} label={label} showPlace={showPlace} />}
      <Older feed={feed} />
    </>
  );
}

function Posts({ feed, shown, label, showPlace }: { feed: Feed; shown: readonly string[]; label: string; showPlace: boolean }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the feed pattern asks for Page Up and Page Down
    <div role="feed" class="feed" aria-label={label} aria-busy={feed.busy.value} onKeyDown={walk}>
      {shown.map((id, index) => <PostCard key={id} id={id} at={index + 1} showPlace={showPlace} />)}
    </div>
  );
}

/** Opens the feed, keeps it live while it is looked at, and opens it again after a reset. */
function useFeed(feed: Feed): { error: ApiError | null; reload: () => void } {
  const client = useClient();
  const generation = client.store.generation.value;
  const [error, setError] = useState<ApiError | null>(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let unwatch = (): void => {};
    let here = true;
    const opened = (): void => {
      setError(null);
      if (here && feed.source.channel) unwatch = client.watch(feed.source.channel, feed.cursor);
    };
    feed.open().then(opened, (refusal: ApiError) => setError(refusal));
    return () => { here = false; unwatch(); };
  }, [client, feed, generation, again]);
  const ready = feed.shown.value !== null;
  useLayoutEffect(() => { if (ready) restoreScroll(); }, [feed, ready]);
  return { error, reload: () => setAgain(again + 1) };
}

function Pending({ place }: { place: string | undefined }) {
  const entries = usePendingPosts(place);
  return <>{entries.toReversed().map((entry) => <PendingPost key={entry.key} entry={entry} />)}</>;
}

function Older({ feed }: { feed: Feed }) {
  const button = useRef<HTMLButtonElement>(null);
  const more = feed.more.value;
  useEffect(() => {
    const seen = button.current;
    if (seen === null) return;
    const watcher = new IntersectionObserver(([entry]) => entry?.isIntersecting && void feed.older().catch(() => {}), { rootMargin: "800px" });
    watcher.observe(seen);
    return () => watcher.disconnect();
  }, [feed, more]);
  if (more === null) return (feed.shown.value?.length ?? 0) > 5 ? <p class="end">{t.endOfFeed}</p> : null;
  return (
    <button ref={button} type="button" class="button quiet wide" onClick={() => void feed.older().catch(() => {})}>
      {feed.busy.value ? t.loading : t.older}
    </button>
  );
}

function walk(event: KeyboardEvent): void {
  const feed = event.currentTarget as HTMLElement;
  const leaving = event.ctrlKey && (event.key === "Home" || event.key === "End");
  if (!leaving && event.key !== "PageDown" && event.key !== "PageUp") return;
  event.preventDefault();
  if (leaving) return leave(feed, event.key === "Home");
  const articles = [...feed.querySelectorAll<HTMLElement>(":scope > article")];
  const at = articles.findIndex((article) => article.contains(document.activeElement));
  articles[at + (event.key === "PageDown" ? 1 : -1)]?.focus();
}

function leave(feed: HTMLElement, back: boolean): void {
  const all = [...document.querySelectorAll<HTMLElement>("a[href], button:not([disabled]), input, textarea, select")];
  const outside = all.filter((item) => !feed.contains(item) && item.offsetParent !== null);
  const side = back ? Node.DOCUMENT_POSITION_PRECEDING : Node.DOCUMENT_POSITION_FOLLOWING;
  const there = (item: HTMLElement): boolean => (feed.compareDocumentPosition(item) & side) !== 0;
  (back ? outside.findLast(there) : outside.find(there))?.focus();
}
