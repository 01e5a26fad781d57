/**
 * Server-sent events down, requests up: for networks that let no websocket through. The stream carries the
 * same frames; its first one names it, and what the client says is posted under that name, one at a time.
 *
 * ``fetch`` rather than ``EventSource``: a bearer token needs a header, and coming back is not its business.
 */

import { type ClientFrame, type Do, type Hello, type ServerFrame, decodeFrame } from "./frames.ts";
import type { End } from "./link.ts";
import { RequestsLink } from "./link-requests.ts";
import { UNREACHABLE, ask, endOf, errorOf } from "./requests.ts";

const EVENTS = "/api/v1/live/events";
const FRAMES = "/api/v1/live/frames";

export class EventsLink extends RequestsLink {
  readonly #abort = new AbortController();
  #stream = "";
  #end: End = { code: 1006, reason: "the stream ended" };

  send(frame: ClientFrame): boolean {
    if (this.listener === null) return false;
    if (frame.t === "hello") void this.#read(frame);
    else this.afterPosts(() => this.#say(frame));
    return true;
  }

  override close(): void {
    super.close();
    this.#abort.abort();
  }

  async #read(hello: Hello): Promise<void> {
    const query = new URLSearchParams();
    if (hello.cursor !== undefined) query.set("cursor", hello.cursor);
    if (hello.channels !== undefined) query.set("channels", hello.channels.join(","));
    const path = query.size === 0 ? EVENTS : `${EVENTS}?${query.toString()}`;
    try {
      const headers = { accept: "text/event-stream" };
      const response = await ask(this.host, path, this.token(), { method: "GET", headers, signal: this.#abort.signal });
      if (!response.ok) return this.closed(endOf(response));
      if (!isStream(response)) return this.closed({ code: 0, reason: "no event stream", absent: true });
      for await (const text of lines(response.body)) this.#line(text);
      this.closed(this.#end);
    } catch {
      this.closed(UNREACHABLE);
    }
  }

  #line(text: string): void {
    this.listener?.alive();
    if (!text.startsWith("data:")) return;
    const frame = decodeFrame(text.slice("data:".length).trim());
    if (frame !== null) this.#frame(frame);
  }

  #frame(frame: ServerFrame): void {
    if (frame.t === "stream") this.#stream = frame.id;
    else this.listener?.frame(frame);
    if (frame.t === "bye") this.#end = { code: frame.code, reason: frame.reason };
  }

  #say(frame: ClientFrame): Promise<void> {
    return this.post(`${FRAMES}?stream=${encodeURIComponent(this.#stream)}`, frame, async (response) => {
      if (!response.ok) await this.#refused(response, frame);
    });
  }

  /** A command is answered by its refusal; where the stream itself is gone, so is the link. */
  async #refused(response: Response, frame: ClientFrame): Promise<void> {
    const { status } = response;
    if (status === 401 || status >= 500) return this.closed(endOf(response));
    if (status === 404 || status === 410) return this.closed({ code: 1006, reason: `status ${status}` });
    const error = await errorOf(response);
    this.listener?.frame(frame.t === "do" ? refusedCommand(frame, error) : { t: "error", error });
  }
}

function refusedCommand({ key }: Do, error: Awaited<ReturnType<typeof errorOf>>): ServerFrame {
  return { t: "done", key, ok: false, error };
}

function isStream(response: Response): response is Response & { body: ReadableStream<Uint8Array> } {
  return response.body !== null && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** The lines of a stream as they come, without their ends. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    // Each piece follows the one before it.
    // oxlint-disable-next-line no-await-in-loop
    const { done, value } = await reader.read();
    if (done) return;
    const pieces = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/u);
    rest = pieces.pop() ?? "";
    yield* pieces;
  }
}
