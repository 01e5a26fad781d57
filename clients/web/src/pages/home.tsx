import { useMyCommunities } from "../communities.ts";
import { Composer } from "../compose/composer.tsx";
import { KINDS, type Kind } from "../compose/composition.ts";
import { FeedList } from "../feed/feed.tsx";
import type { FeedSource } from "../feed/model.ts";
import { place } from "../router.ts";
import { t } from "../strings.ts";
import { ImpactTeaser } from "./impact-teaser.tsx";
import { Page } from "./page.tsx";
import { UnansweredList } from "./unanswered.tsx";

/** A community one only looks at tells its posts as well. */
const isOwn: FeedSource["accepts"] = ({ place: of }, view) => of.startsWith("c:") && view.belongs(of.slice(2));
const latest: FeedSource = { key: "latest", path: "/feed", query: { view: "latest", limit: "30" }, accepts: isOwn };
const unanswered: FeedSource = {
  key: "unanswered", path: "/feed", query: { view: "unanswered", limit: "30" }, accepts: (post, view) => post.kind === "question" && isOwn(post, view),
};

export function HomePage() {
  const { query } = place.value;
  const open = query.get("view") === "unanswered";
  const wanted = KINDS.find((kind) => kind === query.get("new"));
  return (
    <Page title={t.home} heading="unseen" beside={<Beside open={open} />}>
      <Composer opened={wanted as Kind | undefined} about={{ topic: query.get("topic") ?? "", person: query.get("to") ?? "" }} />
      <nav class="tabs" aria-label={t.feedViews}>
        <a href="/" aria-current={open ? undefined : "page"}>{t.latest}</a>
        <a href="/?view=unanswered" aria-current={open ? "page" : undefined}>{t.unanswered}</a>
      </nav>
      <FeedList
        source={open ? unanswered : latest} label={open ? t.unanswered : t.latest} empty={open ? t.unansweredEmpty : t.feedEmpty}
      />
    </Page>
  );
}

function Beside({ open }: { open: boolean }) {
  const communities = useMyCommunities();
  return (
    <>
      <ImpactTeaser />
      {!open && communities.length > 0 && <UnansweredList />}
    </>
  );
}
