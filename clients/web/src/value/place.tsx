import { useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { complain } from "../ui/notice.tsx";
import type { Place } from "./impact-data.ts";
import { v } from "./words.ts";

/** Where one stands: never shown unasked, and then as a band. */
export function MyPlace() {
  const { api } = useClient();
  const [place, setPlace] = useState<Place | null>(null);
  const ask = (): void => {
    api.get<Place>("/me/impact/place").then(setPlace, (error: Error) => complain(error.message));
  };
  return (
    <section class="part">
      {place === null
        ? <button type="button" class="button quiet" onClick={ask}>{v.askPlace}</button>
        : <p class="strong">{place.shown ? v.bands[place.band]?.(place.people) : v.placeWhy[place.why]}</p>}
      <p class="meta" role="status">{v.placeHint}</p>
    </section>
  );
}
