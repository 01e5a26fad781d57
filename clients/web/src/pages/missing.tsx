import { t } from "../strings.ts";
import { Page } from "./page.tsx";

export function MissingPage() {
  return (
    <Page title={t.notFound}>
      <p class="lead">{t.notFoundHint}</p>
      <p><a class="button" href="/">{t.toHome}</a></p>
    </Page>
  );
}
