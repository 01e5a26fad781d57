/** Every frame of the client protocol v1, in both directions (docs/protocol/client). */

import type { Command } from "./commands.ts";
import type { Counts, PollValue } from "./views.ts";

export const SUBPROTOCOL = "tap.v1.json";

export interface Hello { t: "hello"; token?: string; cursor?: string; channels?: string[]; client?: string }
export interface Watch { t: "watch"; id: number; channels: string[]; since?: string }
export interface Unwatch { t: "unwatch"; channels: string[] }
export interface Do { t: "do"; key: string; command: Command }
export interface Ping { t: "ping" }
export interface TokenFrame { t: "token"; token: string }
export interface Background { t: "background" }
export interface Foreground { t: "foreground" }
export interface Rewind { t: "rewind"; cursor: string }
export interface Typing { t: "typing"; channel: string }
export type ClientFrame = Hello | Watch | Unwatch | Do | Ping | TokenFrame | Background | Foreground | Rewind | Typing;

/** The server's own words on why not; ``retry``: the same command with the same key may be sent again. */
export interface ErrorBody {
  code: string;
  message: string;
  field?: string | null;
  retry: boolean;
  /** Where to go instead, with ``moved``. */
  url?: string;
}

export interface Welcome {
  t: "welcome";
  cursor: string;
  epoch: number | string;
  region: string;
  person: string;
  server_time: number;
  resume: "fresh" | "complete" | "paged" | "reset";
  reason: string | null;
  channels: string[];
  /** When the credentials end, by the node's clock. */
  expires_at?: number | null;
}

export interface EventFrame {
  t: "event";
  position: number;
  id: string;
  type: string;
  at: number;
  by: string;
  channels?: string[];
  body: Record<string, unknown>;
  /** Something was said about the post before it came to this node. */
  late?: boolean;
}

export interface ImpactValue { total: number; line: unknown }
/** A case about oneself, as far as a client has to know: the rest is asked for. */
export interface CaseValue { case: string; state: "open" | "decided" }
export type ValueFrame =
  | { t: "value"; of: "post"; id: string; position: number; value: Counts }
  | { t: "value"; of: "poll"; id: string; position: number; value: PollValue }
  | { t: "value"; of: "impact"; id: string; position: number; value: ImpactValue }
  | { t: "value"; of: "case"; id: string; position: number; value: CaseValue }
  | { t: "value"; of: "presence"; id: string; position: number; value: { state: PresenceState } };
export type PresenceState = "online" | "away" | "offline";

export interface Mark { t: "mark"; cursor: string }
export interface Watching {
  t: "watching";
  id: number;
  channels: string[];
  refused: { channel: string; code: string }[];
}
export type Answer = Record<string, unknown>;
export interface Done {
  t: "done";
  key: string;
  ok: boolean;
  answer?: Answer;
  error?: ErrorBody;
  cursor?: string;
  repeated?: boolean;
}
export interface Pong { t: "pong"; server_time: number }
export interface Reset { t: "reset"; reason: string; cursor: string }
export interface ErrorFrame { t: "error"; error: ErrorBody }
export interface Bye { t: "bye"; code: number; reason: string; retry_ms?: number }
export interface Expiring { t: "expiring"; expires_at: number }
export interface Renewed { t: "renewed"; expires_at: number }
/** Everybody who is typing in the channel now, at most eight; the receiver may be among them. */
export interface TypingNow { t: "typing"; channel: string; people: string[] }
/** The first frame of an event stream: where its client's frames are posted to. */
export interface StreamFrame { t: "stream"; id: string }

export type ServerFrame =
  | Welcome | EventFrame | ValueFrame | Mark | Watching | Done | Pong | Reset | ErrorFrame | Bye | Expiring | Renewed
  | TypingNow | StreamFrame;

/** A frame from its text, or null for what is no frame: a newer node may send kinds we do not know. */
export function decodeFrame(text: string): ServerFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    return isFrame(frame) ? frame : null;
  } catch {
    return null;
  }
}

function isFrame(value: unknown): value is ServerFrame {
  return typeof value === "object" && value !== null && typeof (value as { t?: unknown }).t === "string";
}

/** The node's commit position inside a cursor ``<epoch in hex>.<position>``. */
export function cursorPosition(cursor: string): number {
  return Number(cursor.slice(cursor.indexOf(".") + 1));
}

/** The cursor at another position of the same epoch. */
export function cursorAt(cursor: string, position: number): string {
  return `${cursor.slice(0, cursor.indexOf("."))}.${position}`;
}
