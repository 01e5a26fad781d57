/**
 * What the links that are made of plain requests share: whom they tell, that what is posted follows in order,
 * and that ``closed`` is said once.
 */

import type { ClientFrame } from "./frames.ts";
import type { Host } from "./host.ts";
import type { End, Link, LinkListener } from "./link.ts";

export abstract class RequestsLink implements Link {
  protected readonly host: Host;
  protected readonly token: () => string | null;
  /** Null before the link is open, and when it is over. */
  protected listener: LinkListener | null = null;
  #posts: Promise<void> = Promise.resolve();

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
  }

  /** Posts follow each other: the node hears what was said in the order it was said. */
  protected afterPosts(post: () => Promise<void>): void {
    this.#posts = this.#posts.then(post);
  }

  protected closed(end: End): void {
    const { listener } = this;
    this.close();
    listener?.closed(end);
  }
}
