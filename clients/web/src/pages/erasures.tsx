/** Everything one had erased; of a privacy officer, everything the region had. */

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { Time } from "../ui/time.tsx";
import { ErasureState } from "./erasure.tsx";
import type { Erasure } from "./erasure-data.ts";
import { Page } from "./page.tsx";

export function ErasuresPage() {
  const { api } = useClient();
  const erasures = useLoad("erasures", () => api.get<{ erasures: Erasure[] }>("/erasures"));
  return (
    <Page title={t.erasures}>
      <Loaded from={erasures}>
        {(data) => data.erasures.length === 0
          ? <p class="empty">{t.noErasures}</p>
          : (
            <ul class="side-list">
              {data.erasures.map((erasure) => (
                <li key={erasure.id}>
                  <a href={`/erasures/${erasure.id}`}>{t.erasureOf[erasure.scope]}, {t.erasedPosts(erasure.posts)}</a>
                  <span class="meta"><Time at={erasure.at} /> · <ErasureState erasure={erasure} /></span>
                </li>
              ))}
            </ul>
          )}
      </Loaded>
    </Page>
  );
}
