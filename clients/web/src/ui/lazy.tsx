/** Pages that few visits open are fetched when they are, so the first visit stays small. */

import { type ComponentType, type JSX, createElement } from "preact";
import { useEffect, useState } from "preact/hooks";

import { t } from "../strings.ts";
import { Waiting } from "./load.tsx";

/** A page, or a part of one, that fetches itself when it is first shown. ``fetch`` is one import(), so it happens once. */
export function lazy<P extends object>(fetch: () => Promise<ComponentType<P>>, as: "page" | "part" = "page"): (props: P) => JSX.Element | null {
  return function Lazy(props: P) {
    const [loaded, setLoaded] = useState<{ page: ComponentType<P> } | null>(null);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      let wanted = true;
      fetch().then((page) => wanted && setLoaded({ page }), () => wanted && setFailed(true));
      return () => { wanted = false; };
    }, []);
    if (loaded !== null) return createElement(loaded.page, props);
    if (as === "part") return null;
    return <main id="content" class="content" tabIndex={-1}>{failed ? <p class="empty" role="alert">{t.pageNotFetched}</p> : <Waiting />}</main>;
  };
}
