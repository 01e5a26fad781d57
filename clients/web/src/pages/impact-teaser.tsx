import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { useLoad } from "../ui/load.tsx";
import type { Impact } from "../value/impact-data.ts";

/** One quiet line beside the feed: whom one's own work helped lately. */
export function ImpactTeaser() {
  const client = useClient();
  // A credit that comes while one looks changes the sentence: then it is asked anew.
  const total = client.store.impact.value?.total ?? 0;
  const { data } = useLoad(`impact-teaser:${total}`, () => client.api.get<Impact>("/me/impact"));
  if (data === null || data.scores === "off") return null;
  const { people } = data.month;
  return (
    <section class="side-section">
      <h2>{t.impactTeaser}</h2>
      <p><a class="strong" href="/impact">{people === 0 ? t.helpedNobodyYet : t.helpedThisMonth(people)}</a></p>
      {people === 0 && <p class="meta">{t.postingEarnsNothing}</p>}
    </section>
  );
}
