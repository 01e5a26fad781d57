/**
 * What the links that are made of plain requests share: whom they tell, that what is posted follows in order,
 * and that ``closed`` is said once.
 */

import type { ClientFrame } from "./frames.ts";
import type { Host } from "./host.ts";
import type { End, Link, LinkListener } from "./link.ts";
import { Ended, UNREACHABLE, ask } from "./requests.ts";

/**
 * For the answer to what was said. What comes by the other requests is no sign of life of this one, and nothing else
 * is said before it.
 */
export const POST_MS_MAX = 20_000;

export abstract class RequestsLink implements Link {
  protected readonly host: Host;
  protected readonly token: () => string | null;
  /** Null before the link is open, and when it is over. */
  protected listener: LinkListener | null = null;
  #posts: Promise<void> = Promise.resolve();
  #abort = new AbortController();

  constructor(host: Host, token: () => string | null) {
    this.host = host;
    this.token = token;
  }

  open(listener: LinkListener): void {
    this.listener = listener;
    listener.opened();
  }

  abstract send(frame: ClientFrame): boolean;

  close(): void {
    this.listener = null;
    this.#abort.abort();
  }

  /** Posts follow each other: the node hears what was said in the order it was said. */
  protected afterPosts(post: () => Promise<void>): void {
    this.#posts = this.#posts.then(post);
  }

  /**
   * Posts a value; ``heard`` takes the answer. Without one in time, or when it throws Ended, the link is over, and
   * what was said is said again.
   */
  protected async post(path: string, value: unknown, heard: (response: Response) => Promise<void>): Promise<void> {
    if (this.listener === null) return;
    const abort = new AbortController();
    this.#abort = abort;
    const cancel = this.host.after(POST_MS_MAX, () => abort.abort());
    const headers = { "content-type": "application/json" };
    try {
      await heard(await ask(this.host, path, this.token(), { method: "POST", headers, body: JSON.stringify(value), signal: abort.signal }));
    } catch (error) {
      this.closed(error instanceof Ended ? error.end : UNREACHABLE);
    } finally {
      cancel();
    }
  }

  protected closed(end: End): void {
    const { listener } = this;
    this.close();
    listener?.closed(end);
  }
}
