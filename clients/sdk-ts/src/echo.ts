/**
 * What this person did and the node has not confirmed yet, laid over what is known: shown at once, and
 * gone the moment the confirmed state has it. Pure; a refused command leaves nothing behind.
 */

import { PROFILE } from "./fold.ts";
import type { Entry } from "./outbox.ts";
import type { Post } from "./store.ts";
import type { Counts, PersonView, PollSpec, PollValue } from "./views.ts";

type Entries = readonly Entry[];

/** The confirmed value with each unconfirmed act laid over it, in the order the person did them. */
function laidOver<T>(base: T, entries: Entries, step: (shown: T, entry: Entry) => T): T {
  let shown = base;
  for (const entry of entries) if (entry.state !== "failed") shown = step(shown, entry);
  return shown;
}

/** Whether a counter seen at position ``known`` does not yet hold what this command changes. */
function uncounted(entry: Entry, known: number): boolean {
  return entry.state !== "done" || entry.position > known;
}

export function echoReactions(base: readonly string[], entries: Entries, target: string): readonly string[] {
  return laidOver(base, entries, (shown, { command }) => {
    if (command.do !== "reaction.set" || command.target !== target) return shown;
    const name = command.reaction === "emoji" ? `emoji:${command.emoji ?? ""}` : command.reaction;
    return command.on ? [...new Set([...shown, name])] : shown.filter((other) => other !== name);
  });
}

export function echoCounts(base: Counts, known: number, entries: Entries, target: string): Counts {
  return laidOver(base, entries, (shown, entry) => {
    const { command } = entry;
    if (!uncounted(entry, known)) return shown;
    if (command.do === "announcement.acknowledge" && command.post === target) {
      return { ...shown, acknowledged: shown.acknowledged + 1 };
    }
    if (command.do !== "reaction.set" || command.target !== target) return shown;
    const step = Number(command.on) - Number(entry.before === true);
    if (command.reaction === "emoji") return { ...shown, emoji: stepped(shown.emoji, command.emoji ?? "", step) };
    return { ...shown, [command.reaction]: Math.max(0, shown[command.reaction] + step) };
  });
}

function stepped(emoji: Record<string, number>, name: string, step: number): Record<string, number> {
  const { [name]: before = 0, ...rest } = emoji;
  return before + step > 0 ? { ...emoji, [name]: before + step } : rest;
}

export function echoBallot(base: readonly number[] | undefined, entries: Entries, poll: string): readonly number[] | undefined {
  return laidOver(base, entries, (shown, { command }) => {
    if (command.do !== "ballot.cast" || command.poll !== poll) return shown;
    return command.withdrawn ? undefined : (command.choices ?? []);
  });
}

export function echoPoll(base: PollValue, spec: PollSpec, known: number, entries: Entries, poll: string): PollValue {
  return laidOver(base, entries, (shown, entry) => {
    const { command } = entry;
    if (command.do !== "ballot.cast" || command.poll !== poll || !uncounted(entry, known)) return shown;
    const before = Array.isArray(entry.before) ? (entry.before as number[]) : null;
    const after = command.withdrawn ? null : (command.choices ?? []);
    return {
      ...shown,
      voters: Math.max(0, shown.voters + Number(after !== null) - Number(before !== null)),
      counts: shown.counts && retally(retally(shown.counts, counted(spec, before), -1), counted(spec, after), 1),
    };
  });
}

/** The choices a ballot counts for: of a ranked one, the first preference. */
function counted(spec: PollSpec, choices: readonly number[] | null): readonly number[] {
  if (choices === null) return [];
  return spec.method === "ranked" ? choices.slice(0, 1) : choices;
}

function retally(tally: readonly number[], choices: readonly number[], step: number): number[] {
  return tally.map((votes, index) => (choices.includes(index) ? Math.max(0, votes + step) : votes));
}

export function echoFollow(base: boolean, entries: Entries, follow: string): boolean {
  return laidOver(base, entries, (shown, { command }) =>
    command.do === "follow.set" && `${command.kind}:${command.target}` === follow ? command.on : shown);
}

export function echoJoined(base: boolean, entries: Entries, community: string): boolean {
  return laidOver(base, entries, (shown, { command }) =>
    command.do === "membership.set" && command.community === community ? command.joined : shown);
}

export function echoAcknowledged(base: boolean, entries: Entries, post: string): boolean {
  return laidOver(base, entries, (shown, { command }) =>
    shown || (command.do === "announcement.acknowledge" && command.post === post));
}

/** Oneself, as one wants to be known. */
export function echoProfile(base: PersonView, entries: Entries): PersonView {
  return laidOver(base, entries, (shown, { command }) => {
    if (command.do !== "profile.change") return shown;
    const { do: _, ...profile } = command;
    return { ...shown, ...PROFILE, ...profile, name: profile.name.trim() };
  });
}

/** A post with one's own edit, deletion or acceptance already in place. */
export function echoPost(base: Post, entries: Entries): Post {
  return laidOver(base, entries, (shown, { command, at }) => {
    if (command.do === "post.edit" && command.post === base.id) {
      return { ...shown, text: command.text, title: command.title ?? "", edited_at: at };
    }
    if (command.do === "post.delete" && command.post === base.id) return { ...shown, deleted: true, text: "", title: "" };
    if (command.do === "answer.accept" && command.question === base.id) return { ...shown, accepted: command.answer };
    return shown;
  });
}
