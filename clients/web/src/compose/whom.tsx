/** Whom to name in a question: people who know its topics, those with little to answer first. */

import { useEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { mentionedIn } from "../text/mentions.ts";
import type { Expert, Experts } from "../value/knows-data.ts";
import type { FieldProps } from "./composer.tsx";
import { topicsOf } from "./composition.ts";

const SHOWN_MAX = 3;
const PAUSE_MS = 400;

export function WhomToName({ value, change }: FieldProps) {
  const { api } = useClient();
  const topics = topicsOf(value.topics).join(",");
  const [found, setFound] = useState<Experts | null>(null);
  useEffect(() => {
    if (topics === "") return setFound(null);
    let wanted = true;
    const timer = setTimeout(() => {
      api.get<Experts>("/experts", { topic: topics, ask: "true", limit: SHOWN_MAX }).then(
        (answer) => wanted && setFound(answer),
        () => wanted && setFound(null),
      );
    }, PAUSE_MS);
    return () => { wanted = false; clearTimeout(timer); };
  }, [topics, api]);
  const named = mentionedIn(value.text);
  const experts = (found?.experts ?? []).filter(({ person }) => !named.includes(person));
  if (experts.length === 0) return null;
  const name = ({ person }: Expert): void => change({ text: `${value.text.trimEnd()}${value.text === "" ? "" : " "}@${person} ` });
  return (
    <section class="whom" aria-label={t.whomToName}>
      <p class="meta">{t.whomToName}</p>
      <ul>
        {experts.map((expert) => (
          <li key={expert.person}>
            <button type="button" class="chip" onClick={() => name(expert)}>@{found?.people[expert.person]?.name ?? expert.person}</button>{" "}
            <span class="meta">{expert.record.evidence}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
