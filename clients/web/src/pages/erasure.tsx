/** One erasure: which regions have confirmed, live. */

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { PersonLink } from "../ui/person.tsx";
import { Time } from "../ui/time.tsx";
import { type Erasure, stillMissing } from "./erasure-data.ts";
import { Page } from "./page.tsx";

export function ErasurePage({ id }: { id: string }) {
  const { api } = useClient();
  const erasure = useLoad(`erasure:${id}`, () => api.get<{ erasure: Erasure }>(`/erasures/${id}`));
  return (
    <Page title={t.erasure}>
      <Loaded from={erasure}>{(data) => <Progress erasure={data.erasure} />}</Loaded>
      <p><a href="/erasures">{t.erasures}</a></p>
    </Page>
  );
}

function Progress({ erasure }: { erasure: Erasure }) {
  const missing = useMissing(erasure);
  return (
    <>
      <ErasureState erasure={erasure} />
      <p>{missing.length === 0 ? t.erasureDone : t.erasureWaits}</p>
      <p class="meta">
        {t.erasureOf[erasure.scope]} · <Time at={erasure.at} /> · {t.requestedBy} <PersonLink id={erasure.by} />
        {erasure.reason !== "" && <> · <span dir="auto">{erasure.reason}</span></>}
      </p>
      <ul>
        {erasure.receipts.map(({ region, bodies, at }) => (
          <li key={region}>{region.toUpperCase()} · {t.erasedBodies(bodies)} · <Time at={at} /></li>
        ))}
      </ul>
    </>
  );
}

/** "19 of 20 regions, BR missing"; spoken when it changes. */
export function ErasureState({ erasure }: { erasure: Erasure }) {
  const missing = useMissing(erasure);
  const done = t.erasedIn(erasure.regions - missing.length, erasure.regions);
  return (
    <output class="strong num" data-missing={missing.join(" ")}>
      {done}{missing.length > 0 && `, ${t.erasureMissing(missing.map((region) => region.toUpperCase()))}`}
    </output>
  );
}

function useMissing(erasure: Erasure): string[] {
  return stillMissing(erasure, useClient().store.receipts(erasure.id).value ?? []);
}
