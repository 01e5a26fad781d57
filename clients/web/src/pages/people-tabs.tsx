import { place } from "../router.ts";
import { t } from "../strings.ts";

/** Two ways to a colleague: by who they are, or by what they know. */
export function PeopleTabs() {
  const here = place.value.path;
  return (
    <nav class="tabs" aria-label={t.people}>
      <a href="/people" aria-current={here === "/people" ? "page" : undefined}>{t.everyone}</a>
      <a href="/people/knows" aria-current={here === "/people/knows" ? "page" : undefined}>{t.whoKnows}</a>
    </nav>
  );
}
