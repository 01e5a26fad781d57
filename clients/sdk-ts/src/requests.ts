/** What the two transports over plain requests share: the token's header, and refusals as the end of a link. */

import type { ErrorBody } from "./frames.ts";
import type { Host } from "./host.ts";
import type { End } from "./link.ts";

/** Sends a request with the token of the moment; a browser's cookie goes along by itself. */
export function ask(host: Pick<Host, "fetch">, path: string, token: string | null, init: RequestInit): Promise<Response> {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  return host.fetch(path, { ...init, headers: { ...(init.headers as Record<string, string> | undefined), ...authorization } });
}

export async function errorOf(response: Response): Promise<ErrorBody> {
  const answer = (await response.json().catch(() => null)) as { error?: ErrorBody } | null;
  return answer?.error ?? { code: "internal", message: `The server answered with status ${response.status}.`, retry: response.status >= 500 };
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
