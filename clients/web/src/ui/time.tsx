import { useClient } from "../client.ts";
import { ago, dateOf, moment } from "../format.ts";
import { tick } from "./clock.ts";

/** A moment as people say it, with the full date for those who ask. */
export function Time({ at }: { at: number }) {
  void tick.value;
  return (
    <time class="num" dateTime={dateOf(at).toISOString()} title={moment(at)}>
      {ago(at, useClient().now())}
    </time>
  );
}
