/** A thread: the post, and everything below it as it arrives. Of a question the accepted answer comes first. */

import type { Bundle, Post, TapClient } from "@tap/sdk";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { PostCard } from "../post/card.tsx";
import { PendingPost, usePendingReplies } from "../post/pending.tsx";
import { go, place, restoreScroll } from "../router.ts";
import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { ReplyBox } from "../thread/reply-box.tsx";
import { Reply } from "../thread/reply.tsx";
import { type Branch, readingOrder } from "../thread/tree.ts";
import { TypingLine } from "../thread/typing.tsx";
import { Icon } from "../ui/icon.tsx";
import { useLoad } from "../ui/load.tsx";
import { useCountSpoken } from "../ui/notice.tsx";
import { LoadedPage, Page } from "./page.tsx";
import { AboutThread } from "./thread-about.tsx";

type ThreadPage = Bundle & { root: string; next: string | null };

/** A page has a hundred replies; beyond these the reader asks for more. */
const PAGES_AT_ONCE = 5;

export function ThreadPageView({ id }: { id: string }) {
  const client = useClient();
  const found = useLoad(`thread:${id}`, () => loadThread(client, id));
  const cursor = found.data?.cursor;
  const root = found.data?.root ?? id;
  useEffect(() => (cursor === undefined ? undefined : client.watch(`t:${root}`, cursor)), [client, cursor, root]);
  useEffect(() => { if (root !== id) go(`/t/${root}#${id}`, "replace"); }, [root, id]);
  return (
    <LoadedPage from={found}>
      {(page) => <Thread first={page} />}
    </LoadedPage>
  );
}

/** The first page of a thread, further ones loaded behind it; ``next`` says where what is missing begins. */
async function loadThread(client: TapClient, id: string, after?: string, pages = 1): Promise<ThreadPage> {
  const page = await client.load<ThreadPage>(`/threads/${id}`, { after });
  if (page.next === null || pages === PAGES_AT_ONCE) return page;
  const { next } = await loadThread(client, page.root, page.next, pages + 1);
  return { ...page, next };
}

function Thread({ first: { root: id, order: known, next } }: { first: ThreadPage }) {
  const { view, store } = useClient();
  const root = view.post(id).value;
  const ids = store.replies(id).value ?? [];
  const replies = ids.flatMap((reply) => view.post(reply).value ?? []);
  const order = root ? readingOrder(id, replies, root.accepted) : [];
  const arrived = useArrivals(id);
  useTarget(order.length > 0 || known.length <= 1);
  if (root === undefined) return null;
  const title = root.title || unmarked(root.text.slice(0, 60)) || t.kinds[root.kind];
  return (
    <Page title={title} heading={root.title && !root.deleted && !root.hidden ? "own" : "unseen"} beside={<AboutThread root={root} replies={replies} />}>
      <PostCard id={id} />
      <Replies root={root} order={order} arrived={arrived} />
      <LaterReplies root={id} next={next} />
      <NewReplies order={order} arrived={arrived} />
      <Below root={root} ids={ids} />
    </Page>
  );
}

/** Replies that others wrote while the reader was here. */
function useArrivals(root: string): ReadonlySet<string> {
  const { store, view } = useClient();
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => store.onArrival((posts) => {
    const here = posts.filter((post) => post.root === root && post.author !== view.me).map((post) => post.id);
    if (here.length > 0) setArrived((known) => new Set([...known, ...here]));
  }), [store, view, root]);
  return arrived;
}

function Replies({ root, order, arrived }: { root: Post; order: readonly Branch[]; arrived: ReadonlySet<string> }) {
  const question = root.kind === "question";
  const answers = order.filter((branch) => branch.depth === 0 && !branch.orphan).length;
  if (order.length === 0) return <p class="empty">{question ? t.noAnswersYet : t.noRepliesYet}</p>;
  return (
    <section aria-label={t.conversation} class="replies">
      <h2 class="section-title num">{question ? t.answersTitle(answers) : t.repliesTitle(order.length)}</h2>
      {order.map((branch) => <Reply key={branch.id} branch={branch} root={root} fresh={arrived.has(branch.id)} />)}
    </section>
  );
}

/** The rest of a very long thread. */
function LaterReplies({ root, next }: { root: string; next: string | null }) {
  const client = useClient();
  const [from, setFrom] = useState(next);
  if (from === null) return null;
  const more = async (): Promise<void> => setFrom((await loadThread(client, root, from)).next);
  return <button type="button" class="button quiet wide" onClick={() => void more().catch(() => {})}>{t.laterReplies}</button>;
}

/** What is on its way from here, and the place to write more. */
function Below({ root, ids }: { root: Post; ids: readonly string[] }) {
  const pending = usePendingReplies(new Set([root.id, ...ids]));
  const label = root.kind === "question" ? t.answer : t.reply;
  return (
    <>
      {pending.map((entry) => <PendingPost key={entry.key} entry={entry} />)}
      {root.locked || root.deleted ? <p class="empty">{t.threadLocked}</p> : <><ReplyBox parent={root} label={label} /><TypingLine channel={`t:${root.id}`} /></>}
    </>
  );
}

/** Replies that came live and lie outside the screen: said in a pill, never by moving the page. */
function NewReplies({ order, arrived }: { order: readonly Branch[]; arrived: ReadonlySet<string> }) {
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const fresh = order.filter((branch) => arrived.has(branch.id) && !seen.has(branch.id));
  const freshIds = fresh.map((branch) => branch.id).join(" ");
  useCountSpoken(fresh.length, t.newReplies);
  useEffect(() => {
    const watcher = new IntersectionObserver((entries) => {
      const now = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target.id);
      if (now.length > 0) setSeen((old) => new Set([...old, ...now]));
    });
    for (const id of freshIds.split(" ")) {
      const element = document.getElementById(id);
      if (element) watcher.observe(element);
    }
    return () => watcher.disconnect();
  }, [freshIds]);
  const target = fresh[0];
  if (target === undefined) return null;
  return (
    <div class="pill-place">
      <button type="button" class="pill" onClick={() => stand(target.id)}>
        <Icon name="down" size={16} /> <span class="num">{t.newReplies(fresh.length)}</span>
      </button>
    </div>
  );
}

/** Goes to the reply an address names, once it is here. */
function useTarget(ready: boolean): void {
  const { hash, visit } = place.value;
  useLayoutEffect(() => {
    if (!ready || restoreScroll() || hash === "") return;
    stand(hash);
  }, [ready, hash, visit]);
}

function stand(id: string): void {
  const element = document.getElementById(id);
  element?.scrollIntoView({ block: "center" });
  element?.focus({ preventScroll: true });
}

