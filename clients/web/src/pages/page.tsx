/** What every page has: its title, its h1, the column beside it. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { t } from "../strings.ts";

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
