import type { ComponentChildren } from "preact";

import { useClient } from "../client.ts";
import { MENTION } from "./mentions.ts";

/** Plain words in which the people a post mentions are links to them. */
export function Words({ text, mentions }: { text: string; mentions: readonly string[] }) {
  if (mentions.length === 0 || !text.includes("@")) return <>{text}</>;
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const found of text.matchAll(MENTION)) {
    const id = found[1] ?? "";
    if (!mentions.includes(id)) continue;
    parts.push(text.slice(end, found.index), <Mention key={found.index} id={id} />);
    end = found.index + found[0].length;
  }
  return <>{parts}{text.slice(end)}</>;
}

function Mention({ id }: { id: string }) {
  const person = useClient().view.person(id).value;
  return <a class="mention" href={`/p/${id}`}>@<bdi>{person?.name ?? id}</bdi></a>;
}
