import { useClient } from "../client.ts";
import { points } from "../format.ts";
import { t } from "../strings.ts";
import { useLoad } from "../ui/load.tsx";
import type { Impact } from "./impact-data.ts";

/** One quiet number beside the feed: what one's own work was worth to others. */
export function ImpactTeaser() {
  const client = useClient();
  const { data } = useLoad("impact-teaser", () => client.api.get<Impact>("/me/impact"));
  const total = client.store.impact.value?.total ?? data?.total;
  if (total === undefined) return null;
  return (
    <section class="side-section">
      <h2>{t.impactTeaser}</h2>
      <p><a class="big num" href="/impact">{t.points(points(total))}</a></p>
      {total === 0 && <p class="meta">{t.postingEarnsNothing}</p>}
    </section>
  );
}
