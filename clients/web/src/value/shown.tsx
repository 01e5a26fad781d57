/** What others may see of one's contributions: the country's policy in words, and one's own word beside it. */

import { type ScoringChoice, UNDECIDED } from "@tap/sdk";
import { useState } from "preact/hooks";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { Page } from "../pages/page.tsx";
import { t } from "../strings.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Loaded, useLoad } from "../ui/load.tsx";
import { tell } from "../ui/notice.tsx";
import { Sections } from "./sections.tsx";
import { v } from "./words.ts";

type What = keyof ScoringChoice;
type Stance = "never" | "if_chosen" | "unless_refused";

const WHAT: readonly What[] = ["experts", "milestones", "profile", "boards", "recognition", "leaders"];

interface ShownOfMe {
  policy: { scores: string; k: number; retention_days: number; agreement: string };
  needs_agreement: boolean;
  stances: Record<What, Stance>;
}

export function ShownPage() {
  const client = useClient();
  const found = useLoad("shown-of-me", () => client.api.get<ShownOfMe>("/me/scoring"));
  return (
    <Page title={v.shown}>
      <Sections />
      <p class="lead">{v.shownIntro}</p>
      <Loaded from={found}>{(data) => <Choices of={data} />}</Loaded>
    </Page>
  );
}

function Choices({ of: { policy, needs_agreement, stances } }: { of: ShownOfMe }) {
  const client = useClient();
  const kept = client.store.entity("choices", client.view.me).value ?? UNDECIDED;
  const choose = async (what: What, word: boolean | null): Promise<void> => {
    const outcome = await act(client, { do: "scoring.choose", ...kept, [what]: word });
    if (outcome.ok) tell(v.saved);
  };
  const said = [
    v.scores[policy.scores], needs_agreement ? v.needsAgreement : "", policy.agreement === "" ? "" : v.agreement(policy.agreement),
    v.peopleMin(policy.k), policy.retention_days > 0 ? v.kept(policy.retention_days) : "",
  ];
  return (
    <>
      <p class="part policy">{said.filter((sentence) => sentence !== "").join(" ")}</p>
      {WHAT.map((what) => <Choice key={what} what={what} stance={stances[what]} word={kept[what]} choose={(word) => void choose(what, word)} />)}
      <BeginAnew />
    </>
  );
}

interface ChoiceProps {
  what: What;
  stance: Stance;
  word: boolean | null;
  choose: (word: boolean | null) => void;
}

function Choice({ what, stance, word, choose }: ChoiceProps) {
  const words: [boolean | null, string][] = [[null, v.byPolicy(stance === "unless_refused")], [true, v.yes], [false, v.no]];
  return (
    <fieldset class="part choices" data-what={what}>
      <legend class="strong">{v.what[what]}</legend>
      <p class="meta">{v.whatHints[what]}</p>
      {stance === "never"
        ? <p>{v.neverShown}</p>
        : words.map(([value, label]) => (
          <label key={String(value)} class="inline">
            <input type="radio" name={what} checked={word === value} onChange={() => choose(value)} />{label}
          </label>
        ))}
    </fieldset>
  );
}

function BeginAnew() {
  const client = useClient();
  const [asking, setAsking] = useState(false);
  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    setAsking(false);
    const outcome = await act(client, { do: "scoring.erase_history" });
    if (outcome.ok) tell(v.beginAnewDone);
  };
  return (
    <section class="part">
      <button type="button" class="button quiet" onClick={() => setAsking(true)}>{v.beginAnew}…</button>
      <p class="meta">{v.beginAnewHint}</p>
      {asking && (
        <Dialog title={v.beginAnew} onClose={() => setAsking(false)}>
          <form class="stack" onSubmit={(event) => void begin(event)}>
            <p>{v.beginAnewHint}</p>
            <div class="buttons">
              <button type="button" class="button quiet" onClick={() => setAsking(false)}>{t.cancel}</button>
              <button type="submit" class="button danger">{v.beginAnew}</button>
            </div>
          </form>
        </Dialog>
      )}
    </section>
  );
}
