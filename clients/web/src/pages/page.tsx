/** What every page has: its title, its h1, the column beside it. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { place } from "../router.ts";
import { t } from "../strings.ts";
import { focusPage } from "../ui/focus.ts";
import { Failure, type Loading, Waiting } from "../ui/load.tsx";

interface Props {
  title: string;
  /** Where the page shows another h1 of its own, or none can be seen. */
  heading?: "shown" | "unseen" | "own";
  beside?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, heading = "shown", beside, children }: Props) {
  useEffect(() => { document.title = title === t.product ? title : `${title} · ${t.product}`; }, [title]);
  return (
    <div class="page">
      <main id="content" class="content" tabIndex={-1}>
        {heading !== "own" && <h1 class={heading === "unseen" ? "unseen" : "page-title"} dir="auto" tabIndex={-1}>{title}</h1>}
        {children}
      </main>
      {beside && <aside class="beside" aria-label={t.about}>{beside}</aside>}
    </div>
  );
}

/** A page that is fetched before anything of it can be shown. */
export function LoadedPage<T>({ from: { data, error, reload }, children }: { from: Loading<T>; children: (data: T) => ComponentChildren }) {
  if (data !== null) return <>{children(data)}</>;
  if (error !== null) return <Page title={t.pageNotShown} heading="unseen"><Failure error={error} retry={reload} /></Page>;
  return <EmptyPage />;
}

/** Has the focus until its page is there, and hands it on. */
function EmptyPage() {
  const main = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const empty = main.current;
    return () => {
      // Once the page stands in its place.
      if (empty !== null && empty === document.activeElement) queueMicrotask(() => focusPage(place.peek().hash));
    };
  }, []);
  return <div class="page"><main ref={main} id="content" class="content" tabIndex={-1}><Waiting /></main></div>;
}
