/**
 * What the two transports over plain requests share: the token's header, and what a refusal means for the command or
 * the link. tests/vectors/sdk/refusals.json holds both SDKs to the same meanings.
 */

import type { ErrorBody } from "./frames.ts";
import type { Host } from "./host.ts";
import type { End } from "./link.ts";

/** Sends a request with the token of the moment; a browser's cookie goes along by itself. */
export function ask(host: Pick<Host, "fetch">, path: string, token: string | null, init: RequestInit): Promise<Response> {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  return host.fetch(path, { ...init, headers: { ...(init.headers as Record<string, string> | undefined), ...authorization } });
}

/** A request whose answer ends the link. */
export class Ended extends Error {
  readonly end: End;

  constructor(end: End) {
    super(end.reason);
    this.end = end;
  }
}

/** Statuses that are about the moment; with those from 500 on, nobody said that the node itself is at fault. */
const PASSES = new Set([408, 425, 429]);

/**
 * The node's own word in the answer to a request that was refused. Where there is none, something before the node
 * answered: throws Ended if that will pass, and says what the status was if not.
 */
export async function errorOf(response: Response): Promise<ErrorBody> {
  const error = ownWord(await response.json().catch(() => null));
  if (error !== null) return error;
  const { status } = response;
  if (PASSES.has(status) || status >= 500) throw new Ended(endOf(response));
  return { code: "internal", message: `Something before the server refused it with status ${status}.`, retry: false };
}

/** The error body of an answer; null for what proxies and gateways say, which may be JSON as well. */
export function ownWord(answer: unknown): ErrorBody | null {
  const error = (answer as { error?: Partial<ErrorBody> | null } | null)?.error;
  return typeof error?.code === "string" && typeof error.message === "string" ? (error as ErrorBody) : null;
}

/** Statuses that a websocket would close with. */
const CODES: Record<number, number> = { 401: 4401, 403: 4403, 429: 4429, 503: 4503 };

/** What a refused request means for the link; a node that does not know the address does not offer the transport. */
export function endOf(response: Response): End {
  const { status } = response;
  const seconds = Number(response.headers.get("retry-after") ?? "");
  const advice = seconds > 0 ? { retryMs: seconds * 1000 } : {};
  const code = CODES[status];
  if (code !== undefined) return { code, reason: `status ${status}`, ...advice };
  return { code: 0, reason: `status ${status}`, absent: status < 500, ...advice };
}

export const UNREACHABLE: End = { code: 0, reason: "no answer" };
