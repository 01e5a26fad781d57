/** Who is writing here just now. Its line is always there, so that nothing moves when somebody begins. */

import { useClient } from "../client.ts";
import { t } from "../strings.ts";

/** Further ones are counted. */
export const NAMES_MAX = 2;

/** Quiet for screen readers: a line that comes and goes with every pause is noise to listen to. */
export function TypingLine({ channel }: { channel: string }) {
  const { company, view } = useClient();
  const people = company.typing(channel).value;
  const names = people.slice(0, NAMES_MAX).map((id) => view.person(id).value?.name ?? id);
  return <p class="typing" dir="auto">{names.length > 0 && t.typing(names, people.length - names.length)}</p>;
}
