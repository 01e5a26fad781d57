/**
 * The one fold of event and value frames: onto a snapshot (I4: snapshot + tail = a fresh snapshot) and
 * onto the store, which both look like ``Entities``. Merge rules stand in server/domain/events.py: a
 * register takes the higher ``rev``, a deletion beats every edit, a value takes the later position.
 * What a frame cannot tell is never guessed: it is named to ``stale`` and fetched again.
 */

import { type Attachment, type Bodies, type EventType, isEventType } from "./events.ts";
import type { EventFrame, ValueFrame } from "./frames.ts";
import {
  type CommunityView, type ConversationView, type FileView, type Membership, NO_COUNTS, NO_TALLY, type PersonView, type PollValue, type PostView,
  type ScoringChoice, UNDECIDED,
} from "./views.ts";

export interface Tables {
  posts: PostView;
  polls: PollValue;
  people: PersonView;
  communities: CommunityView;
  memberships: Membership;
  /** By person: only their own. */
  choices: ScoringChoice;
  conversations: ConversationView;
  /** By target: this person's own reactions, as ``helpful``, ``solved`` or ``emoji:👍``. */
  reactions: readonly string[];
  ballots: readonly number[];
  /** By ``person:x``, ``topic:y`` or ``post:z``. */
  follows: true;
  acknowledged: true;
  /** By channel: the moment up to which this person has read it. */
  read: number;
}
export type TableName = keyof Tables;

export interface Entities {
  /** The person whose view this is. */
  readonly me: string;
  get<K extends TableName>(table: K, id: string): Tables[K] | undefined;
  put<K extends TableName>(table: K, id: string, value: Tables[K] | undefined): void;
  /** Whether a register's ``rev`` (or position) is news; remembers it if so. */
  newer(register: string, rev: number): boolean;
  /** A post or reply appeared; who keeps an order of posts puts it there. */
  appeared(post: PostView): void;
  /** ``post:<id>`` or ``person:<id>``: how it is now only the node knows. */
  stale(name: string): void;
}

type Folds = { [K in EventType]?: (state: Entities, body: Bodies[K], frame: EventFrame) => void };

export function foldEvent(state: Entities, frame: EventFrame): void {
  if (!isEventType(frame.type)) return;
  const fold = FOLDS[frame.type] as ((state: Entities, body: unknown, frame: EventFrame) => void) | undefined;
  fold?.(state, frame.body, frame);
}

export function foldValue(state: Entities, frame: ValueFrame): void {
  // What is about oneself is no entity, and what a later node tells is not known here.
  if (frame.of !== "post" && frame.of !== "poll") return;
  const tally = frame.of === "poll" ? state.get("polls", frame.id) : undefined;
  // Closing is final: a tally that is still open was counted before it.
  if (frame.of === "poll" && tally?.closed && !frame.value.closed) return;
  if (!state.newer(`value:${frame.of}:${frame.id}`, frame.position)) return;
  if (frame.of === "poll") state.put("polls", frame.id, frame.value);
  else change(state, frame.id, (post) => ({ ...post, counts: { ...NO_COUNTS, ...frame.value } }));
}

const FOLDS: Folds = {
  "person.registered"(state, body) {
    // Of two registrations one counts, or a part of each: only the node knows.
    if (state.get("people", body.person) !== undefined) return state.stale(`person:${body.person}`);
    state.put("people", body.person, personOf(body));
  },
  "person.profile_changed"(state, { person, rev, ...profile }) {
    const known = state.get("people", person);
    if (known === undefined || !state.newer(`profile:${person}`, rev)) return;
    state.put("people", person, { ...known, ...PROFILE, ...profile });
  },
  "person.status_changed"(state, { person, rev, active }) {
    const known = state.get("people", person);
    if (known !== undefined && state.newer(`status:${person}`, rev)) state.put("people", person, { ...known, active });
  },
  "person.handed_over"(state, { person }) {
    const known = state.get("people", person);
    if (known !== undefined) state.put("people", person, { ...known, home: "" });
  },
  "person.taken_over"(state, { person }, { id }) {
    const known = state.get("people", person);
    if (known !== undefined) state.put("people", person, { ...known, home: id.slice(0, id.indexOf(":")) });
  },
  "person.role_changed"(state, { person, role, rev, on }) {
    const known = state.get("people", person);
    if (known === undefined || !state.newer(`role:${person}:${role}`, rev)) return;
    state.put("people", person, { ...known, roles: withOrWithout(known.roles, role, on).toSorted() });
  },
  "community.created"(state, body) {
    if (state.get("communities", body.community) !== undefined) return;
    const { community: id, home, name, audience, about = "", visibility = "open", at = 0 } = body;
    state.put("communities", id, { id, home, name, about, visibility, audience, archived: false, mode: "quiet", at });
  },
  "community.changed"(state, { community, rev, settings }) {
    const known = state.get("communities", community);
    if (known === undefined || !state.newer(`community:${community}`, rev)) return;
    state.put("communities", community, { ...known, ...SETTINGS, ...settings });
  },
  "scoring.choice_changed"(state, { person, rev, choice }) {
    if (person !== state.me || !state.newer(`choice:${person}`, rev)) return;
    state.put("choices", person, { ...UNDECIDED, ...choice });
  },
  "membership.changed"(state, { community, person, rev, joined }) {
    if (!state.newer(`member:${community}:${person}`, rev)) return;
    if (person === state.me) setMembership(state, community, { joined });
  },
  "community.role_changed"(state, { community, person, rev, role }) {
    if (!state.newer(`community_role:${community}:${person}`, rev)) return;
    if (person === state.me) setMembership(state, community, { role });
  },
  "conversation.started"(state, { conversation: id, home, members, title = "", at = 0 }) {
    if (state.get("conversations", id) === undefined) state.put("conversations", id, { id, home, members, title, at });
  },
  "conversation.changed"(state, { conversation, rev, members, title = "" }) {
    const known = state.get("conversations", conversation);
    if (known === undefined || !state.newer(`conversation:${conversation}`, rev)) return;
    state.put("conversations", conversation, { ...known, members, title });
  },
  "post.published"(state, body, frame) {
    if (state.get("posts", body.post) !== undefined) return;
    const { poll, paper, praise, announcement } = body;
    const post: PostView = { ...published(body.post, body, frame), kind: body.kind, title: body.title ?? "", topics: body.topics ?? [] };
    if (poll || paper || praise || announcement) post.detail = detailOf({ poll, paper, praise, announcement });
    if (poll && state.get("polls", post.id) === undefined) {
      const hidden = poll.hidden_until_close || poll.secret;
      state.put("polls", post.id, { ...NO_TALLY, counts: hidden ? null : poll.choices.map(() => 0) });
    }
    state.put("posts", post.id, post);
    state.appeared(post);
    // What was said about it before it came was told when there was nothing to change.
    if (frame.late) state.stale(`post:${post.id}`);
  },
  "reply.published"(state, body, frame) {
    if (state.get("posts", body.post) !== undefined) return;
    const post = { ...published(body.root, body, frame), kind: body.kind, parent: body.parent };
    state.put("posts", post.id, post);
    state.appeared(post);
  },
  "post.edited"(state, { post: id, rev, text, title = "", topics = [], mentions = [], at = 0 }) {
    change(state, id, (post) => {
      if (post.deleted || rev <= post.rev) return post;
      return { ...post, rev, edited_at: at || null, ...(post.hidden ? {} : { text, title, topics, mentions }) };
    });
  },
  "post.deleted"(state, { post: id, rev }) {
    change(state, id, (post) => gone(post, rev));
  },
  "erasure.requested"(state, { posts = [] }) {
    for (const { post: id, rev } of posts) {
      change(state, id, (post) => ({ ...gone(post, rev), lang: "", source: null }));
    }
  },
  "reaction.changed"(state, { target, reaction, emoji = "", rev, on }, { by }) {
    const name = reaction === "emoji" ? `emoji:${emoji}` : reaction;
    if (by !== state.me || !state.newer(`reaction:${target}:${name}`, rev)) return;
    const next = withOrWithout(state.get("reactions", target) ?? [], name, on);
    state.put("reactions", target, next.length > 0 ? next.toSorted() : undefined);
  },
  "answer.accepted"(state, { question, answer = null, rev }) {
    if (!state.newer(`accepted:${question}`, rev)) return;
    change(state, question, (post) => ({ ...post, accepted: answer }));
  },
  "verification.changed"(state, { target, rev, on }, { by }) {
    if (!state.newer(`verified:${target}:${by}`, rev)) return;
    change(state, target, (post) => ({ ...post, verified_by: withOrWithout(post.verified_by, by, on).toSorted() }));
  },
  "follow.changed"(state, { kind, target, rev, on }, { by }) {
    if (by !== state.me || !state.newer(`follow:${kind}:${target}`, rev)) return;
    state.put("follows", `${kind}:${target}`, on || undefined);
  },
  "announcement.acknowledged"(state, { post }, { by }) {
    if (by === state.me) state.put("acknowledged", post, true);
  },
  "idea.stage_changed"(state, { post: id, rev, stage, owner = "", due = null, note = "" }) {
    if (!state.newer(`idea:${id}`, rev)) return;
    change(state, id, (post) => ({ ...post, idea: { stage, owner, due, note } }));
  },
  "ballot.cast"(state, { poll, rev, choices = [], withdrawn = false }, { by }) {
    if (by !== state.me || !state.newer(`ballot:${poll}`, rev)) return;
    state.put("ballots", poll, withdrawn ? undefined : choices);
  },
  "read.marked"(state, { channel, up_to }, { by }) {
    if (by === state.me) state.put("read", channel, Math.max(state.get("read", channel) ?? 0, up_to));
  },
  "moderation.acted"(state, { target, act, rev, on, reason = "" }) {
    if (!state.newer(`moderation:${target}:${act}`, rev)) return;
    if (act === "hide") hide(state, target, on, reason);
    if (act === "lock") change(state, target, (post) => ({ ...post, locked: on }));
    if (act === "pin") change(state, target, (post) => ({ ...post, pinned: on }));
  },
  "moderation.hidden_at_home"(state, { target, rev, on }) {
    if (!state.newer(`hidden_at_home:${target}`, rev)) return;
    hide(state, target, on);
  },
};

const BLANK = { title: "", text: "", topics: [], mentions: [], detail: null, attachments: [], hidden_for: "" };
/** What a profile says that says nothing. */
export const PROFILE = { title: "", unit: "", country: "", about: "", skills: [], locale: "en", timezone: "UTC" };
const SETTINGS = { about: "", visibility: "open" as const, archived: false, mode: "quiet" as const };

function change(state: Entities, id: string, edit: (post: PostView) => PostView): void {
  const post = state.get("posts", id);
  if (post === undefined) return;
  const next = edit(post);
  if (next !== post) state.put("posts", id, next);
}

/** Of all that takes a post away the highest revision stays. */
function gone(post: PostView, rev: number): PostView {
  return { ...post, ...BLANK, deleted: true, edited_at: null, rev: post.deleted ? Math.max(post.rev, rev) : rev };
}

/**
 * Hiding is twofold (community and region) and takes the text away: shown again, it is fetched. ``why`` is the
 * community's; without one that of before stays.
 */
function hide(state: Entities, id: string, on: boolean, why?: string): void {
  if (state.get("posts", id) === undefined) return;
  if (on) change(state, id, (post) => ({ ...post, ...BLANK, hidden: true, hidden_for: post.deleted ? "" : why ?? post.hidden_for }));
  else state.stale(`post:${id}`);
}

function setMembership(state: Entities, community: string, part: Partial<Membership>): void {
  const known = state.get("memberships", community) ?? { joined: false, role: "none" };
  const next = { ...known, ...part };
  state.put("memberships", community, next.joined || next.role !== "none" ? next : undefined);
}

function withOrWithout(list: readonly string[], item: string, on: boolean): string[] {
  const rest = list.filter((other) => other !== item);
  return on ? [...rest, item] : rest;
}

/** What posts and replies have in common on the day they are published. */
function published(root: string, body: Bodies["post.published"] | Bodies["reply.published"], frame: EventFrame): PostView {
  const { post: id, place, at, text = "", mentions = [], lang = "", attachments = [], source = null } = body;
  return { ...newPost({ id, kind: "reply", place, root, author: frame.by, at }), text, mentions, lang, attachments: attachments.map(fileOf), source };
}

/** Of which nothing but its place in the tree is known. */
export function newPost(known: Pick<PostView, "id" | "kind" | "place" | "root" | "author" | "at">): PostView {
  return {
    ...known, ...BLANK, parent: "", lang: "", rev: 1, edited_at: null, deleted: false, source: null, accepted: null, verified_by: [],
    idea: null, hidden: false, locked: false, pinned: false, counts: NO_COUNTS,
  };
}

function fileOf({ hash, type, size, name, width = 0, height = 0, alt = "", stays = false }: Attachment): FileView {
  return { hash, type, size, name, width, height, alt, stays };
}

function detailOf(parts: Record<string, unknown>): PostView["detail"] {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined && part !== null));
}

function personOf(body: Bodies["person.registered"]): PersonView {
  const { person: id, home, name, title = "", unit = "", country = "", locale = "en", timezone = "UTC", bot = false } = body;
  return { id, home, name, title, unit, country, locale, timezone, bot, about: "", skills: [], active: true, roles: [] };
}
