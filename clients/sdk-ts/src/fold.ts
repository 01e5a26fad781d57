/**
 * The one fold of event and value frames: onto a snapshot (I4: snapshot + tail = a fresh snapshot) and
 * onto the store, which both look like ``Entities``. Merge rules stand in server/domain/events.py: a
 * register takes the higher ``rev``, a deletion beats every edit, a value takes the later position.
 */

import { type Bodies, type EventType, isEventType } from "./events.ts";
import type { EventFrame, ValueFrame } from "./frames.ts";
import {
  type CommunityView, type ConversationView, type Membership, NO_COUNTS, type PersonView, type PollValue, type PostView,
} from "./views.ts";

export interface Tables {
  posts: PostView;
  polls: PollValue;
  people: PersonView;
  communities: CommunityView;
  memberships: Membership;
  conversations: ConversationView;
  /** By target: this person's own reactions, as ``helpful``, ``solved`` or ``emoji:👍``. */
  reactions: readonly string[];
  ballots: readonly number[];
  /** By ``person:x``, ``topic:y`` or ``post:z``. */
  follows: true;
  acknowledged: true;
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
}

type Folds = { [K in EventType]?: (state: Entities, body: Bodies[K], frame: EventFrame) => void };

export function foldEvent(state: Entities, frame: EventFrame): void {
  if (!isEventType(frame.type)) return;
  const fold = FOLDS[frame.type] as ((state: Entities, body: unknown, frame: EventFrame) => void) | undefined;
  fold?.(state, frame.body, frame);
}

export function foldValue(state: Entities, frame: ValueFrame): void {
  if (frame.of === "impact") return;
  if (!state.newer(`value:${frame.of}:${frame.id}`, frame.position)) return;
  if (frame.of === "poll") state.put("polls", frame.id, frame.value);
  else change(state, frame.id, (post) => ({ ...post, counts: { ...NO_COUNTS, ...frame.value } }));
}

const FOLDS: Folds = {
  "person.registered"(state, body) {
    if (state.get("people", body.person) !== undefined) return;
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
  "person.role_changed"(state, { person, role, rev, on }) {
    const known = state.get("people", person);
    if (known === undefined || !state.newer(`role:${person}:${role}`, rev)) return;
    state.put("people", person, { ...known, roles: withOrWithout(known.roles, role, on).toSorted() });
  },
  "community.created"(state, body, frame) {
    if (state.get("communities", body.community) === undefined) {
      const { community: id, home, name, audience, about = "", visibility = "open" } = body;
      state.put("communities", id, { id, home, name, about, visibility, audience, archived: false, at: body.at || frame.at });
    }
  },
  "community.changed"(state, { community, rev, settings }) {
    const known = state.get("communities", community);
    if (known === undefined || !state.newer(`community:${community}`, rev)) return;
    state.put("communities", community, { ...known, ...SETTINGS, ...settings });
  },
  "membership.changed"(state, { community, person, rev, joined }) {
    if (!state.newer(`member:${community}:${person}`, rev)) return;
    if (person === state.me) setMembership(state, community, { joined });
  },
  "community.role_changed"(state, { community, person, rev, role }) {
    if (!state.newer(`community_role:${community}:${person}`, rev)) return;
    if (person === state.me) setMembership(state, community, { role });
  },
  "conversation.started"(state, body, frame) {
    const { conversation: id, home, members, title = "" } = body;
    if (state.get("conversations", id) === undefined) {
      state.put("conversations", id, { id, home, members, title, at: body.at || frame.at });
    }
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
    if (body.kind === "idea") post.idea = { stage: "submitted", owner: "", due: null, note: "" };
    if (poll && state.get("polls", post.id) === undefined) {
      state.put("polls", post.id, { voters: 0, counts: poll.hidden_until_close ? null : poll.choices.map(() => 0), closed: false });
    }
    state.put("posts", post.id, post);
    state.appeared(post);
  },
  "reply.published"(state, body, frame) {
    if (state.get("posts", body.post) !== undefined) return;
    const post = { ...published(body.root, body, frame), kind: body.kind, parent: body.parent };
    state.put("posts", post.id, post);
    state.appeared(post);
  },
  "post.edited"(state, body, frame) {
    const { rev, text, title = "", topics = [], mentions = [] } = body;
    change(state, body.post, (post) =>
      post.deleted || rev <= post.rev ? post : { ...post, rev, text, title, topics, mentions, edited_at: body.at || frame.at });
  },
  "post.deleted"(state, { post: id, rev }) {
    change(state, id, (post) => ({ ...post, deleted: true, text: "", title: "", rev: Math.max(rev, post.rev) }));
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
  "poll.closed"(state, { poll, voters, counts }) {
    state.put("polls", poll, { voters, counts, closed: true });
  },
  "moderation.acted"(state, { target, act, rev, on }) {
    if (!state.newer(`moderation:${target}:${act}`, rev)) return;
    if (act === "hide") change(state, target, (post) => ({ ...post, hidden: on, ...(on ? EMPTY : {}) }));
    if (act === "lock") change(state, target, (post) => ({ ...post, locked: on }));
    if (act === "pin") change(state, target, (post) => ({ ...post, pinned: on }));
  },
  "moderation.hidden_at_home"(state, { target, rev, on }) {
    if (!state.newer(`hidden_at_home:${target}`, rev)) return;
    change(state, target, (post) => ({ ...post, hidden: on, ...(on ? EMPTY : {}) }));
  },
};

const EMPTY = { title: "", text: "" };
const PROFILE = { title: "", unit: "", country: "", about: "", skills: [], locale: "en", timezone: "UTC" };
const SETTINGS = { about: "", visibility: "open" as const, archived: false };

function change(state: Entities, id: string, edit: (post: PostView) => PostView): void {
  const post = state.get("posts", id);
  if (post === undefined) return;
  const next = edit(post);
  if (next !== post) state.put("posts", id, next);
}

function setMembership(state: Entities, community: string, part: Partial<Membership>): void {
  const known = state.get("memberships", community) ?? { joined: false, role: "none" };
  state.put("memberships", community, { ...known, ...part });
}

function withOrWithout(list: readonly string[], item: string, on: boolean): string[] {
  const rest = list.filter((other) => other !== item);
  return on ? [...rest, item] : rest;
}

/** What posts and replies have in common on the day they are published. */
function published(root: string, body: Bodies["post.published"] | Bodies["reply.published"], frame: EventFrame): PostView {
  return {
    id: body.post, kind: "reply", place: body.place, root, parent: null, author: frame.by, at: body.at, title: "",
    text: body.text ?? "", topics: [], mentions: body.mentions ?? [], lang: body.lang ?? "", detail: null, rev: 1,
    edited_at: null, deleted: false, source: body.source ?? null, accepted: null, verified_by: [], idea: null,
    hidden: false, locked: false, pinned: false, counts: NO_COUNTS,
  };
}

function detailOf(parts: Record<string, unknown>): PostView["detail"] {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined && part !== null));
}

function personOf(body: Bodies["person.registered"]): PersonView {
  const { person: id, home, name, title = "", unit = "", country = "", locale = "en", timezone = "UTC", bot = false } = body;
  return { id, home, name, title, unit, country, locale, timezone, bot, about: "", skills: [], active: true, roles: [] };
}
