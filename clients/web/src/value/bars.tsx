/** A few bars in a row, the oldest first: a picture for who sees, a list for who listens. */

import { heights } from "./impact-data.ts";
import { monthShort } from "./months.ts";

export interface Bar {
  /** A month, ``2026-11``. */
  key: string;
  /** Null: nothing to measure. */
  value: number | null;
  /** What stands above it. */
  shown: string;
  /** The bar as a sentence. */
  text: string;
}

export function Bars({ label, bars }: { label: string; bars: readonly Bar[] }) {
  const all = heights(bars.map(({ value }) => value ?? 0));
  return (
    <ol class="bars" aria-label={label}>
      {bars.map(({ key, value, shown, text }, index) => (
        <li key={key} title={text} class={value === null ? "none" : undefined}>
          <span class="bars-value num" aria-hidden="true">{shown}</span>
          <span class="bars-bar" style={{ "--height": `${all[index]}%` }} />
          <span class="bars-name" aria-hidden="true">{monthShort(key)}</span>
          <span class="unseen">{text}</span>
        </li>
      ))}
    </ol>
  );
}
