/** The fields only one kind of post has, and those every kind may have. */

import { useEffect } from "preact/hooks";

import { useClient } from "../client.ts";
import { useMyCommunities } from "../communities.ts";
import { t } from "../strings.ts";
import { useEvent } from "../ui/event.ts";
import { PersonPicker } from "../ui/combobox.tsx";
import { Icon } from "../ui/icon.tsx";
import type { FieldProps } from "./composer.tsx";
import type { Composition } from "./composition.ts";

const CHOICES_MAX = 30;

export function MoreFields(props: FieldProps) {
  return (
    <>
      {props.value.kind === "poll" && <PollFields {...props} />}
      {props.value.kind !== "praise" && <TopicsField {...props} />}
    </>
  );
}

/** The communities one belongs to; the last used one stays chosen. */
export function PlaceField({ value, change }: FieldProps) {
  const communities = useMyCommunities();
  const first = communities[0]?.id;
  const chosen = communities.some((community) => `c:${community.id}` === value.place);
  const choose = useEvent((id: string) => change({ place: `c:${id}` }));
  useEffect(() => { if (!chosen && first !== undefined) choose(first); }, [chosen, first, choose]);
  if (communities.length === 0) return <span class="meta">{t.noCommunityYet}</span>;
  return (
    <label class="inline">
      <span class="unseen">{t.composeIn}</span>
      <select value={value.place} onChange={(event) => change({ place: event.currentTarget.value })}>
        {communities.map((community) => <option key={community.id} value={`c:${community.id}`}>{community.name}</option>)}
      </select>
    </label>
  );
}

function TopicsField({ value, change }: FieldProps) {
  return (
    <input
      type="text" dir="auto" aria-label={t.topics} placeholder={`${t.topics}: ${t.topicsHint}`} value={value.topics}
      onInput={(event) => change({ topics: event.currentTarget.value })}
    />
  );
}

export function PraiseFields({ value, change }: FieldProps) {
  const { view } = useClient();
  return (
    <>
      {value.to === null
        ? <PersonPicker label={t.praiseTo} onPick={(person) => person.id !== view.me && change({ to: { id: person.id, name: person.name } })} />
        : (
          <p class="chosen-person">
            <span class="strong" dir="auto">{value.to.name}</span>
            <button type="button" class="icon-button" aria-label={`${t.discard}: ${value.to.name}`} onClick={() => change({ to: null })}><Icon name="close" /></button>
          </p>
        )}
      <input
        type="text" dir="auto" maxLength={500} aria-label={t.praiseBehaviour} placeholder={`${t.praiseBehaviour} ${t.behaviourHint}`} value={value.behaviour}
        onInput={(event) => change({ behaviour: event.currentTarget.value })}
      />
    </>
  );
}

function PollFields({ value, change }: FieldProps) {
  const set = (index: number, text: string): void => change({ choices: value.choices.map((choice, at) => (at === index ? text : choice)) });
  return (
    <fieldset class="stack poll-fields">
      <legend class="unseen">{t.choices}</legend>
      {value.choices.map((choice, index) => (
        <div key={index} class="row">
          <input
            type="text" dir="auto" maxLength={200} aria-label={t.choice(index + 1)} placeholder={t.choice(index + 1)} value={choice}
            onInput={(event) => set(index, event.currentTarget.value)}
          />
          {value.choices.length > 2 && (
            <button
              type="button" class="icon-button" aria-label={t.removeChoice(index + 1)}
              onClick={() => change({ choices: value.choices.filter((_, at) => at !== index) })}
            >
              <Icon name="close" />
            </button>
          )}
        </div>
      ))}
      {value.choices.length < CHOICES_MAX && (
        <button type="button" class="link" onClick={() => change({ choices: [...value.choices, ""] })}>{t.addChoice}</button>
      )}
      <PollRules value={value} change={change} />
    </fieldset>
  );
}

const CLOSING: [number, string][] = [
  [1, t.closesIn.day], [3, t.closesIn.threeDays], [7, t.closesIn.week], [14, t.closesIn.twoWeeks], [0, t.closesNever],
];

function PollRules({ value, change }: FieldProps) {
  return (
    <div class="row wrap">
      <label class="inline">
        <span class="meta">{t.method}</span>
        <select value={value.method} onChange={(event) => change({ method: event.currentTarget.value as Composition["method"] })}>
          {Object.entries(t.methods).map(([method, name]) => <option key={method} value={method}>{name}</option>)}
        </select>
      </label>
      <label class="inline">
        <span class="meta">{t.closesAt}</span>
        <select value={String(value.closesInDays)} onChange={(event) => change({ closesInDays: Number(event.currentTarget.value) })}>
          {CLOSING.map(([days, name]) => <option key={days} value={String(days)}>{name}</option>)}
        </select>
      </label>
      {value.method === "ranked" && !value.secret && (
        <label class="inline">
          <span class="meta">{t.counting}</span>
          <select value={value.count} onChange={(event) => change({ count: event.currentTarget.value as Composition["count"] })}>
            {Object.entries(t.countings).map(([count, name]) => <option key={count} value={count}>{name}</option>)}
          </select>
        </label>
      )}
      <Least label={t.quorumPeople} value={value.quorumPeople} set={(quorumPeople) => change({ quorumPeople })} />
      <Least label={t.quorumRegions} value={value.quorumRegions} set={(quorumRegions) => change({ quorumRegions })} />
      <label class="inline"><input type="checkbox" checked={value.secret} onChange={(event) => change({ secret: event.currentTarget.checked })} />{t.secret}</label>
      {value.secret && <p class="meta">{t.secretHint}</p>}
      {value.closesInDays > 0 && !value.secret && (
        <label class="inline"><input type="checkbox" checked={value.hidden} onChange={(event) => change({ hidden: event.currentTarget.checked })} />{t.hideUntilClose}</label>
      )}
    </div>
  );
}

function Least({ label, value, set }: { label: string; value: number; set: (value: number) => void }) {
  return (
    <label class="inline">
      <span class="meta">{label}</span>
      <input type="number" class="num least" min={0} value={value || ""} onInput={(event) => set(Math.max(0, Math.trunc(Number(event.currentTarget.value)) || 0))} />
    </label>
  );
}
