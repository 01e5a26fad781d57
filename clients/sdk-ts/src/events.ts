/** Bodies of the events a client folds (server/domain/events.py); a field at its default is left out. */

import type {
  AnnouncementSpec, CommunityMode, CommunityRole, FileView, FollowKind, IdeaStage, PaperSpec, PollSpec, PostKind, PostView, PraiseSpec, Reaction, ScoringChoice,
  Visibility,
} from "./views.ts";

interface Source { system: string; id: string }
/** As ``FileView``; what is at its default is left out. */
export type Attachment = Pick<FileView, "hash" | "type" | "size" | "name"> & Partial<FileView>;
interface ErasedPost { post: string; kind: PostView["kind"]; place: string; root: string; author: string; at: number; rev: number }
interface Member { person: string; region: string }

export interface Bodies {
  "person.registered": {
    person: string; home: string; name: string; title?: string; unit?: string; country?: string; locale?: string;
    timezone?: string; bot?: boolean;
  };
  "person.profile_changed": {
    person: string; rev: number; name: string; title?: string; unit?: string; country?: string; about?: string;
    skills?: string[]; locale?: string; timezone?: string;
  };
  "person.status_changed": { person: string; rev: number; active: boolean };
  "person.handed_over": { person: string; to: string; rev: number };
  "person.taken_over": { person: string; previous: string; rev: number };
  "person.role_changed": { person: string; role: string; rev: number; on: boolean };
  "community.created": {
    community: string; home: string; name: string; audience: string; about?: string; visibility?: Visibility; owner?: string;
    at?: number;
  };
  "community.changed": {
    community: string; rev: number;
    settings: { name: string; about?: string; visibility?: Visibility; archived?: boolean; mode?: CommunityMode };
  };
  "scoring.choice_changed": { person: string; rev: number; choice: Partial<ScoringChoice> };
  "membership.changed": { community: string; person: string; rev: number; joined: boolean };
  "community.role_changed": { community: string; person: string; rev: number; role: CommunityRole };
  "conversation.started": { conversation: string; home: string; members: Member[]; title?: string; at?: number };
  "conversation.changed": { conversation: string; rev: number; members: Member[]; title?: string };
  "post.published": {
    post: string; kind: PostKind; place: string; at: number; text?: string; title?: string; topics?: string[];
    mentions?: string[]; lang?: string; poll?: PollSpec | null; paper?: PaperSpec | null; praise?: PraiseSpec | null;
    announcement?: AnnouncementSpec | null; attachments?: Attachment[]; source?: Source | null;
  };
  "reply.published": {
    post: string; kind: "reply" | "answer"; place: string; root: string; parent: string; at: number; text: string;
    mentions?: string[]; lang?: string; attachments?: Attachment[]; source?: Source | null;
  };
  "post.edited": {
    post: string; root: string; place: string; rev: number; text: string; title?: string; topics?: string[];
    mentions?: string[]; at?: number;
  };
  "post.deleted": { post: string; root: string; place: string; rev: number };
  "reaction.changed": {
    target: string; root: string; place: string; author: string; reaction: Reaction; rev: number; on: boolean; emoji?: string;
  };
  "answer.accepted": { question: string; place: string; rev: number; answer?: string | null };
  "verification.changed": { target: string; root: string; place: string; author: string; rev: number; on: boolean };
  "follow.changed": { kind: FollowKind; target: string; rev: number; on: boolean };
  "announcement.acknowledged": { post: string; place: string };
  "idea.stage_changed": {
    post: string; place: string; author: string; rev: number; stage: IdeaStage; owner?: string; due?: number | null; note?: string;
  };
  "ballot.cast": { poll: string; place: string; rev: number; choices?: number[]; withdrawn?: boolean };
  "read.marked": { channel: string; up_to: number };
  "erasure.requested": { request: string; scope: "post" | "person"; target: string; posts?: ErasedPost[] };
  "moderation.acted": { target: string; root: string; place: string; act: "hide" | "lock" | "pin"; rev: number; on: boolean; reason?: string };
  "moderation.hidden_at_home": { target: string; root: string; place: string; rev: number; on: boolean };
}
export type EventType = keyof Bodies;

const TYPES: Record<EventType, true> = {
  "person.registered": true, "person.profile_changed": true, "person.status_changed": true, "person.role_changed": true,
  "person.handed_over": true, "person.taken_over": true, "read.marked": true, "erasure.requested": true,
  "community.created": true, "community.changed": true, "membership.changed": true, "community.role_changed": true,
  "conversation.started": true, "conversation.changed": true, "post.published": true, "reply.published": true,
  "post.edited": true, "post.deleted": true, "reaction.changed": true, "answer.accepted": true, "verification.changed": true,
  "follow.changed": true, "announcement.acknowledged": true, "idea.stage_changed": true, "ballot.cast": true,
  "moderation.acted": true, "moderation.hidden_at_home": true, "scoring.choice_changed": true,
};

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(TYPES, type);
}
