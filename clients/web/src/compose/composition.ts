/** What is being composed, and the command it becomes. Pure. */

import type { Attach, PollCount, PollMethod, PollSpec, PublishPost } from "@tap/sdk";

import { t } from "../strings.ts";
import { mentionedIn } from "../text/mentions.ts";

export const KINDS = ["update", "question", "idea", "poll", "article", "praise"] as const;
export type Kind = (typeof KINDS)[number];

/** A file that was uploaded and waits for its post. */
export interface Attached {
  hash: string;
  type: string;
  name: string;
  alt: string;
}

export interface Composition {
  kind: Kind;
  place: string;
  title: string;
  text: string;
  topics: string;
  choices: string[];
  method: PollMethod;
  /** Days from publishing; 0 stays open. */
  closesInDays: number;
  secret: boolean;
  hidden: boolean;
  count: PollCount;
  /** 0: none is asked for. */
  quorumPeople: number;
  quorumRegions: number;
  to: { id: string; name: string } | null;
  behaviour: string;
  files: Attached[];
}

export const EMPTY: Composition = {
  kind: "update", place: "", title: "", text: "", topics: "", choices: ["", ""], method: "single", closesInDays: 7, secret: false,
  hidden: false, count: "schulze", quorumPeople: 0, quorumRegions: 0, to: null, behaviour: "", files: [],
};

export const TITLED: ReadonlySet<Kind> = new Set(["question", "idea", "poll", "article"]);
const TOPICS_MAX = 8;
const DAY_MS = 86_400_000;
const PICTURE_NAME = /\.(?:avif|gif|jpe?g|png|webp)$/iu;

/** Why it cannot be posted yet, or null. */
export function missing(draft: Composition): string | null {
  if (TITLED.has(draft.kind) && draft.title.trim() === "") return t.needsTitle;
  switch (draft.kind) {
    case "poll":
      return filled(draft.choices).length < 2 ? t.needsChoices : null;
    case "praise":
      if (draft.to === null) return t.needsPerson;
      return draft.behaviour.trim() === "" ? t.needsBehaviour : null;
    case "update":
    case "article":
      return draft.text.trim() === "" && draft.files.length === 0 ? t.needsText : null;
    case "question":
    case "idea":
      return null;
  }
}

export function commandOf(draft: Composition, place: string, now: number): PublishPost {
  // A praise that says nothing more says what it is for: every post has a text or a title.
  const text = draft.text.trim() || (draft.kind === "praise" ? draft.behaviour.trim() : "");
  const topics = topicsOf(draft.topics);
  const mentions = mentionedIn(text);
  const command: PublishPost = { do: "post.publish", place, kind: draft.kind, text };
  if (TITLED.has(draft.kind)) command.title = draft.title.trim();
  if (topics.length > 0) command.topics = topics;
  if (mentions.length > 0) command.mentions = mentions;
  if (draft.kind === "poll") command.poll = pollOf(draft, now);
  if (draft.kind === "praise" && draft.to) command.praise = { to: draft.to.id, behaviour: draft.behaviour.trim() };
  if (draft.files.length > 0) command.attachments = attachmentsOf(draft.files);
  return command;
}

/** What a command was composed of, when it was given ``at``; null where it was not composed here. */
export function compositionOf(command: PublishPost, at: number, nameOf: (person: string) => string): Composition | null {
  const kind = KINDS.find((one) => one === command.kind);
  if (kind === undefined) return null;
  const { place, title = "", text = "", topics = [], poll, praise } = command;
  const to = praise === undefined ? null : { id: praise.to, name: nameOf(praise.to) };
  const behaviour = praise?.behaviour ?? "";
  const files = filesOf(command.attachments ?? []);
  const composed = { ...EMPTY, kind, place, title, text: text === behaviour ? "" : text, topics: topics.join(" "), to, behaviour, files };
  return poll === undefined ? composed : { ...composed, ...pollFieldsOf(poll, at) };
}

/** What is attached, as far as a command says it: of what type a file is only its name tells. */
export function filesOf(attachments: readonly Attach[]): Attached[] {
  return attachments.map(({ hash, name, alt = "" }) => ({ hash, name, alt, type: PICTURE_NAME.test(name) ? "image/*" : "" }));
}

function pollFieldsOf(poll: PollSpec, at: number): Partial<Composition> {
  const { method, choices, secret = false, closes_at = null, hidden_until_close: hidden = false, quorum_people = 0, quorum_regions = 0 } = poll;
  const closesInDays = closes_at === null ? 0 : Math.max(1, Math.round((closes_at - at) / DAY_MS));
  return { method, choices, secret, hidden, closesInDays, quorumPeople: quorum_people, quorumRegions: quorum_regions, count: poll.count ?? EMPTY.count };
}

export function attachmentsOf(files: readonly Attached[]): Attach[] {
  return files.map(({ hash, name, alt }) => ({ hash, name, ...(alt.trim() === "" ? {} : { alt: alt.trim() }) }));
}

function pollOf(draft: Composition, now: number): PollSpec {
  const { method, secret, quorumPeople, quorumRegions } = draft;
  const closes_at = draft.closesInDays > 0 ? now + draft.closesInDays * DAY_MS : null;
  const poll: PollSpec = { method, choices: filled(draft.choices), secret, closes_at, hidden_until_close: draft.hidden && closes_at !== null };
  if (quorumPeople > 0) poll.quorum_people = quorumPeople;
  if (quorumRegions > 0) poll.quorum_regions = quorumRegions;
  // A secret ranked poll is always counted by pairs.
  if (method === "ranked" && !secret && draft.count === "instant_runoff") poll.count = draft.count;
  return poll;
}

function filled(choices: readonly string[]): string[] {
  return choices.map((choice) => choice.trim()).filter((choice) => choice !== "");
}

/** The draft with a topic and a colleague named in it, once however often it is asked for. */
export function asking({ topics, text }: Composition, topic: string, person: string): Pick<Composition, "topics" | "text"> {
  const known = topic === "" || topicsOf(topics).includes(topic);
  const named = person === "" || mentionedIn(text).includes(person);
  return { topics: known ? topics : `${topics} ${topic}`.trim(), text: named ? text : `${text.trimEnd()}${text === "" ? "" : "\n"}@${person} ` };
}

/** Topics are single words; people write them with commas, spaces or #. */
export function topicsOf(text: string): string[] {
  const words = text.split(/[\s,#]+/u).filter((word) => word !== "");
  return [...new Set(words.map((word) => word.toLowerCase()))].slice(0, TOPICS_MAX);
}
