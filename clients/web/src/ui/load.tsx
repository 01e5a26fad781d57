/** Fetching what a page shows: again after a reset, with a sentence and a way on when it fails. */

import { ApiError } from "@tap/sdk";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { useEvent } from "./event.ts";

export interface Loading<T> {
  data: T | null;
  error: ApiError | null;
  reload: () => void;
}

/** ``key`` names what is fetched; a change of it fetches anew. */
export function useLoad<T>(key: string, fetch: () => Promise<T>): Loading<T> {
  const { store } = useClient();
  const generation = store.generation.value;
  const [again, setAgain] = useState(0);
  const [shown, setShown] = useState<{ key: string; data: T | null; error: ApiError | null }>({ key, data: null, error: null });
  const latest = useEvent(fetch);
  useEffect(() => {
    let wanted = true;
    latest().then(
      (data) => wanted && setShown({ key, data, error: null }),
      (error: unknown) => wanted && setShown({ key, data: null, error: asApiError(error) }),
    );
    return () => { wanted = false; };
  }, [key, generation, again, latest]);
  const current = shown.key === key ? shown : { data: null, error: null };
  return { data: current.data, error: current.error, reload: () => setAgain(again + 1) };
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError({ code: "internal", message: t.somethingWrong, retry: true }, 0);
}

export function Loaded<T>({ from, children }: { from: Loading<T>; children: (data: T) => ComponentChildren }) {
  if (from.data !== null) return <>{children(from.data)}</>;
  if (from.error !== null) return <Failure error={from.error} retry={from.reload} />;
  return <Waiting />;
}

export function Failure({ error, retry }: { error: ApiError; retry: () => void }) {
  return (
    <div class="empty" role="alert">
      <p>{error.message}</p>
      <button type="button" class="button" onClick={retry}>{t.retry}</button>
    </div>
  );
}

/** Three grey lines: the shape of what comes, still. */
export function Waiting() {
  return (
    <div class="waiting" aria-busy="true">
      <span class="unseen">{t.loading}</span>
      {[1, 2, 3].map((row) => <div key={row} class="bone"><i /><b /><b /></div>)}
    </div>
  );
}
