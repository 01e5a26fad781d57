/** The shapes a node shows (docs/protocol/client): what a snapshot holds and what frames fold onto. Times are UTC ms. */

export type PostKind =
  | "update" | "question" | "article" | "paper" | "idea" | "poll" | "praise" | "announcement" | "message"
  | "reply" | "answer";
export type Visibility = "open" | "private";
export type CommunityRole = "none" | "member" | "moderator" | "owner";
export type PollCount = "schulze" | "instant_runoff";
export type PollMethod = "single" | "multiple" | "ranked";
export type IdeaStage = "submitted" | "reviewed" | "shortlisted" | "accepted" | "declined" | "piloted" | "shipped";
export type Reaction = "helpful" | "solved" | "emoji";
export type FollowKind = "person" | "topic" | "post";

export type CommunityMode = "quiet" | "feedback" | "friendly" | "programme";

/** What a person says of themselves. */
export interface Profile {
  name: string;
  title: string;
  unit: string;
  country: string;
  about: string;
  skills: string[];
  locale: string;
  timezone: string;
}

export interface PersonView extends Profile {
  id: string;
  home: string;
  bot: boolean;
  active: boolean;
  roles: string[];
}

export interface CommunityView {
  id: string;
  home: string;
  name: string;
  about: string;
  visibility: Visibility;
  audience: string;
  archived: boolean;
  mode: CommunityMode;
  at: number;
}

export interface Membership {
  joined: boolean;
  role: CommunityRole;
}

/** What a person wants told of their contributions; null leaves it to the policy of their region. */
export interface ScoringChoice {
  profile: boolean | null;
  boards: boolean | null;
  experts: boolean | null;
  milestones: boolean | null;
  recognition: boolean | null;
  leaders: boolean | null;
}

export interface ConversationView {
  id: string;
  title: string;
  members: { person: string; region: string }[];
  at: number;
  home: string;
}

export interface PollSpec {
  method: PollMethod;
  choices: string[];
  secret?: boolean;
  closes_at?: number | null;
  hidden_until_close?: boolean;
  quorum_people?: number;
  quorum_regions?: number;
  /** How a ranked poll is decided. */
  count?: PollCount;
}

export interface PaperSpec {
  abstract: string;
  coauthors?: string[];
  link?: string;
}

export interface PraiseSpec {
  to: string;
  behaviour: string;
}

export interface AnnouncementSpec {
  acknowledge?: boolean;
  acknowledge_by?: number | null;
}

export interface Detail {
  poll?: PollSpec | null;
  paper?: PaperSpec | null;
  praise?: PraiseSpec | null;
  announcement?: AnnouncementSpec | null;
}

export interface IdeaState {
  stage: IdeaStage;
  owner: string;
  due: number | null;
  note: string;
}

export interface Counts {
  replies: number;
  helpful: number;
  solved: number;
  votes_up: number;
  votes_down: number;
  acknowledged: number;
  emoji: Record<string, number>;
}

/** A file of a post; its bytes are at ``/api/v1/media/<hash>``, a picture's small form at ``…/thumbnail``. */
export interface FileView {
  hash: string;
  type: string;
  size: number;
  name: string;
  width: number;
  height: number;
  alt: string;
  /** Only the author's region can show it. */
  stays: boolean;
}

export interface PostView {
  id: string;
  kind: PostKind;
  place: string;
  root: string;
  /** Empty for a post at the top of a thread. */
  parent: string;
  author: string;
  at: number;
  title: string;
  text: string;
  topics: string[];
  mentions: string[];
  lang: string;
  detail: Detail | null;
  attachments: FileView[];
  rev: number;
  edited_at: number | null;
  deleted: boolean;
  source: { system: string; id: string } | null;
  accepted: string | null;
  verified_by: string[];
  idea: IdeaState | null;
  hidden: boolean;
  /** Why the community's moderators hid it; empty where they did not, and of what is gone. */
  hidden_for: string;
  locked: boolean;
  pinned: boolean;
  counts: Counts;
}

/** What a closed poll came to. ``order``: groups of choices, the winners first. */
export interface PollResult {
  order: number[][];
  /** Row by row, how many put the row's choice above the column's; of ranked polls counted by pairs. */
  pairs: number[];
  regions: number;
  quorum: boolean;
  late: string[];
  digest: string;
  agreed: string[];
  differing: string[];
}

/** ``counts`` is null while the poll hides them until it closes, and where too few voted in secret. */
export interface PollValue {
  voters: number;
  counts: number[] | null;
  closed: boolean;
  /** No more ballots are taken; ``waiting`` names the regions whose word is missing. */
  closing: boolean;
  waiting: string[];
  result: PollResult | null;
}

export const NO_TALLY: PollValue = { voters: 0, counts: null, closed: false, closing: false, waiting: [], result: null };

export interface Mine {
  reactions: Record<string, string[]>;
  ballots: Record<string, number[]>;
  follows: string[];
  acknowledged: string[];
  read: Record<string, number>;
}

/** What one answer of the HTTP API brings along for the posts in it. */
export interface Bundle {
  cursor: string;
  posts: Record<string, PostView>;
  order: string[];
  people: Record<string, PersonView>;
  polls: Record<string, PollValue>;
  mine: Mine;
}

export interface Snapshot extends Bundle {
  server_time: number;
  region: string;
  me: PersonView;
  communities: Record<string, CommunityView>;
  memberships: Record<string, Membership>;
  conversations: Record<string, ConversationView>;
  choice: ScoringChoice;
  /** What a fold could not know: ``order`` asks for a new snapshot, ``post:<id>`` for that post. Never in a fresh one. */
  stale?: string[];
}

export const UNDECIDED: ScoringChoice = Object.freeze({
  profile: null, boards: null, experts: null, milestones: null, recognition: null, leaders: null,
});

export const NO_COUNTS: Counts = Object.freeze({
  replies: 0, helpful: 0, solved: 0, votes_up: 0, votes_down: 0, acknowledged: 0, emoji: Object.freeze({}),
});

/** Whether a post stands at the top of its own thread. */
export function isRoot(post: Pick<PostView, "id" | "root">): boolean {
  return post.root === post.id;
}
