/** Every wish this client states (server/domain/commands.py): a map whose ``do`` names it. */

import type {
  AnnouncementSpec, CommunityMode, FollowKind, IdeaStage, PollSpec, PostKind, PraiseSpec, Reaction, ScoringChoice, Visibility,
} from "./views.ts";

/** A file one uploaded (``Api.upload``). ``alt``: what is to be seen in it. */
export interface Attach { hash: string; name: string; alt?: string }

export interface PublishPost {
  do: "post.publish";
  place: string;
  kind: Exclude<PostKind, "reply" | "answer">;
  text?: string;
  title?: string;
  topics?: string[];
  mentions?: string[];
  cites?: string[];
  lang?: string;
  poll?: PollSpec;
  praise?: PraiseSpec;
  announcement?: AnnouncementSpec;
  attachments?: Attach[];
}
export interface PublishReply {
  do: "reply.publish";
  parent: string;
  text: string;
  mentions?: string[];
  lang?: string;
  attachments?: Attach[];
}
export interface EditPost {
  do: "post.edit";
  post: string;
  text: string;
  title?: string;
  topics?: string[];
  mentions?: string[];
  reason?: string;
}
export interface DeletePost { do: "post.delete"; post: string }
export interface EraseContent { do: "content.erase"; scope: "post" | "person"; target: string; reason?: string }
export interface React { do: "reaction.set"; target: string; reaction: Reaction; on: boolean; emoji?: string }
export interface AcceptAnswer { do: "answer.accept"; question: string; answer: string | null }
export interface Verify { do: "verification.set"; target: string; on: boolean }
export interface CastBallot { do: "ballot.cast"; poll: string; choices?: number[]; withdrawn?: boolean }
export interface ClosePoll { do: "poll.close"; poll: string }
export interface Follow { do: "follow.set"; kind: FollowKind; target: string; on: boolean }
export interface Acknowledge { do: "announcement.acknowledge"; post: string }
export interface MoveIdea { do: "idea.move"; post: string; stage: IdeaStage; owner?: string; due?: number | null; note?: string }
export interface CreateCommunity {
  do: "community.create";
  name: string;
  about?: string;
  visibility?: Visibility;
  audience?: string;
}
/** Its settings, whole. */
export interface ChangeCommunity {
  do: "community.change";
  community: string;
  name: string;
  about?: string;
  visibility?: Visibility;
  archived?: boolean;
  mode?: CommunityMode;
}
export interface SetMembership { do: "membership.set"; community: string; joined: boolean }
export interface StartConversation { do: "conversation.start"; members: string[]; title?: string }
export interface MarkRead { do: "read.mark"; channel: string; up_to: number }
/** The whole register: what is left out is left to the region's policy. */
export interface ChooseScoring extends Partial<ScoringChoice> { do: "scoring.choose" }
export interface EraseScoringHistory { do: "scoring.erase_history" }
/** ``line``: the ``act`` of a line of one's own ledger. */
export interface OpenDispute { do: "dispute.open"; line: string; reason: string }
export interface DecideCase { do: "case.decide"; case: string; outcome: "upheld" | "dismissed" | "reversed"; reason: string }
export interface HoldCase { do: "case.hold"; case: string; on: boolean }
export interface Flag { do: "flag.raise"; target: string; reason: string }
/** A moderator's answer to reports. ``seen``: as the list gave it; left out: all that are known where it is decided. */
export interface ResolveFlag { do: "flag.resolve"; target: string; upheld: boolean; note?: string; seen?: number }

export type Command =
  | PublishPost | PublishReply | EditPost | DeletePost | EraseContent | React | AcceptAnswer | Verify | CastBallot | ClosePoll
  | Follow | Acknowledge | MoveIdea | CreateCommunity | ChangeCommunity | SetMembership | StartConversation | MarkRead
  | ChooseScoring | EraseScoringHistory | OpenDispute | DecideCase | HoldCase | Flag | ResolveFlag;
