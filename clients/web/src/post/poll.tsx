/**
 * A poll with its live bars. Before voting the choices can be marked; after it the bars stand, and the
 * vote can be changed or taken back, until the poll ends. Numbers change in place: no row ever moves.
 */

import type { PollSpec, PollValue, Post } from "@tap/sdk";
import { useEffect, useId, useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { percent } from "../format.ts";
import { t } from "../strings.ts";
import { tick } from "../ui/clock.ts";
import { Icon } from "../ui/icon.tsx";
import { Ranking } from "./ranking.tsx";
import { Places, Recount, stateOf, verdictOf } from "./result.tsx";

export function Poll({ post, spec }: { post: Post; spec: PollSpec }) {
  const client = useClient();
  const value = client.view.poll(post.id, spec).value;
  const ballot = client.view.ballot(post.id).value;
  const [changing, setChanging] = useState(false);
  const cast = (choices: number[]): void => {
    setChanging(false);
    void act(client, { do: "ballot.cast", poll: post.id, choices }, ballot ?? null);
  };
  const withdraw = (): void => {
    setChanging(false);
    void act(client, { do: "ballot.cast", poll: post.id, withdrawn: true }, ballot ?? null);
  };
  void tick.value;
  const ended = value.closed || value.closing || (spec.closes_at != null && client.now() >= spec.closes_at);
  const voting = !ended && (ballot === undefined || changing);
  return (
    <div class="poll" role="group" aria-label={post.title}>
      {spec.method === "ranked"
        ? <Ranked spec={spec} value={value} ballot={ballot} voting={voting} cast={cast} />
        : <Choices spec={spec} value={value} ballot={ballot} voting={voting} cast={cast} />}
      <div class="poll-foot">
        {!ended && ballot !== undefined && !changing && (
          <>
            <button type="button" class="link" onClick={() => setChanging(true)}>{t.changeVote}</button>
            <button type="button" class="link" onClick={withdraw}>{t.withdrawVote}</button>
          </>
        )}
        {!changing && ballot?.length === 0 && <span class="meta">{t.youVoted}</span>}
        {!ended && post.author === client.view.me && (
          <button type="button" class="link" onClick={() => void act(client, { do: "poll.close", poll: post.id })}>{t.closePoll}</button>
        )}
        {!ended && changing && <button type="button" class="link" onClick={() => setChanging(false)}>{t.cancel}</button>}
        <PollFacts spec={spec} value={value} ended={ended} />
      </div>
      {spec.secret && voting && <p class="meta">{t.secretHint}</p>}
      {value.result && <Recount result={value.result} />}
    </div>
  );
}

interface ChoicesProps {
  spec: PollSpec;
  value: PollValue;
  ballot: readonly number[] | undefined;
  voting: boolean;
  cast: (choices: number[]) => void;
}

function Choices({ spec, value, ballot, voting, cast }: ChoicesProps) {
  const group = useId();
  // Until something is marked, the ballot as it stands: it may be changed on another device, too.
  const [marks, setMarked] = useState<readonly number[] | null>(null);
  useEffect(() => { if (!voting) setMarked(null); }, [voting]);
  const marked = marks ?? ballot ?? [];
  const many = spec.method === "multiple";
  const mark = (index: number, on: boolean): void => {
    if (!many) setMarked([index]);
    else setMarked(on ? [...marked, index].toSorted((a, b) => a - b) : marked.filter((other) => other !== index));
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); cast([...marked]); }}>
      <ul class="choices">
        {spec.choices.map((choice, index) => (
          <li key={index}>
            <Bar choice={choice} votes={value.counts?.[index] ?? null} voters={value.voters} own={!voting && (ballot?.includes(index) ?? false)} won={value.result?.order[0]?.includes(index) ?? false}>
              {voting && (
                <input
                  type={many ? "checkbox" : "radio"} name={group} id={`${group}-${index}`} checked={marked.includes(index)}
                  onChange={(event) => mark(index, event.currentTarget.checked)}
                />
              )}
              {voting ? <label for={`${group}-${index}`} dir="auto">{choice}</label> : <span dir="auto">{choice}</span>}
            </Bar>
          </li>
        ))}
      </ul>
      {voting && <button type="submit" class="button" disabled={marked.length === 0}>{t.vote}</button>}
    </form>
  );
}

function Ranked({ spec, value, ballot, voting, cast }: ChoicesProps) {
  if (voting) return <Ranking choices={spec.choices} start={ballot ?? []} submit={cast} />;
  return (
    <>
      {value.result && <Places spec={spec} result={value.result} />}
      <p class="meta">{t.firstPreferences}</p>
      <ul class="choices">
        {spec.choices.map((choice, index) => (
          <li key={index}>
            <Bar choice={choice} votes={value.counts?.[index] ?? null} voters={value.voters} own={ballot?.[0] === index}>
              <span dir="auto">{choice}</span>
              {ballot !== undefined && ballot.indexOf(index) >= 0 && <span class="meta num">{ballot.indexOf(index) + 1}.</span>}
            </Bar>
          </li>
        ))}
      </ul>
    </>
  );
}

interface BarProps {
  choice: string;
  /** Null while the poll hides them. */
  votes: number | null;
  voters: number;
  own: boolean;
  won?: boolean;
  children: preact.ComponentChildren;
}

function Bar({ choice, votes, voters, own, won = false, children }: BarProps) {
  const share = votes === null || voters === 0 ? 0 : votes / voters;
  return (
    <div class={own ? "bar own" : "bar"} data-choice={choice} data-votes={votes ?? ""}>
      <span class="bar-fill" style={{ "inline-size": `${share * 100}%` }} aria-hidden="true" />
      <span class="bar-label">
        {children}
        {won && <span class="meta">{t.winner}</span>}
        {own && <span class="own-mark"><Icon name="check" size={14} /><span class="unseen">{t.yourVote}</span></span>}
      </span>
      {votes !== null && (
        <span class="bar-value num">
          <span aria-hidden="true">{percent(share)}</span>
          <span class="unseen">{t.share(percent(share), votes)}</span>
        </span>
      )}
    </div>
  );
}

function PollFacts({ spec, value, ended }: { spec: PollSpec; value: PollValue; ended: boolean }) {
  const client = useClient();
  const facts = [
    t.pollVoters(value.voters),
    value.result ? t.fromRegions(value.result.regions) : "",
    stateOf(spec, value, ended, client.now()),
    verdictOf(spec, value.result),
    spec.secret ? t.secretBallot : t.openBallot,
    value.counts === null && !value.closed ? t.hiddenTally : "",
  ].filter((fact) => fact !== "");
  return <span class="meta num poll-facts">{facts.join(" · ")}</span>;
}
