/** Pages that few visits open are fetched when they are, so the first visit stays small. */

import { type ComponentType, type JSX, createElement } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { t } from "../strings.ts";
import { focusPage } from "./focus.ts";
import { Waiting } from "./load.tsx";

/** A page, or a part of one, that fetches itself when it is first shown; after that it is there at once. */
export function lazy<P extends object>(fetch: () => Promise<ComponentType<P>>, as: "page" | "part" = "page"): (props: P) => JSX.Element | null {
  let known: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [state, setState] = useState<"waiting" | "here" | "failed">(known === null ? "waiting" : "here");
    const focused = useRef(false);
    useEffect(() => {
      if (known !== null) return undefined;
      let wanted = true;
      const arrived = (page: ComponentType<P>): void => {
        known = page;
        focused.current = document.activeElement?.id === "content";
        if (wanted) setState("here");
      };
      fetch().then(arrived, () => wanted && setState("failed"));
      return () => { wanted = false; };
    }, []);
    // The focus was on what stood here in its place.
    useLayoutEffect(() => { if (state === "here" && focused.current) focusPage(); }, [state]);
    if (known !== null) return createElement(known, props);
    if (as === "part") return null;
    return (
      <div class="page">
        <main id="content" class="content" tabIndex={-1}>{state === "failed" ? <p class="empty" role="alert">{t.pageNotFetched}</p> : <Waiting />}</main>
      </div>
    );
  };
}
