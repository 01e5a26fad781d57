/**
 * One attempt to talk to the node, whatever carries it: the small interface behind which the transports are.
 *
 * The first frame sent is the ``hello``; from then on a link gives the very frames of the protocol, in order.
 * Once closed it says nothing any more, and ``closed`` is its last word.
 */

import type { Transport } from "./choice.ts";
import type { ClientFrame, ServerFrame } from "./frames.ts";
import type { Host } from "./host.ts";
import { EventsLink } from "./link-events.ts";
import { PollLink } from "./link-poll.ts";
import { WebsocketLink } from "./link-websocket.ts";

/** How a link ended. ``code`` is the websocket's close code, 0 when nobody answered. */
export interface End {
  code: number;
  reason: string;
  /** Not before so many milliseconds. */
  retryMs?: number;
  /** The node, or something before it, does not offer this transport. */
  absent?: boolean;
  /** No welcome came in time. */
  late?: boolean;
}

export interface LinkListener {
  /** The hello may be sent. */
  opened(): void;
  frame(frame: ServerFrame): void;
  /** A sign of life that is no frame. */
  alive(): void;
  closed(end: End): void;
}

export interface Link {
  open(listener: LinkListener): void;
  /** False when it cannot be sent; nothing is queued for another link. */
  send(frame: ClientFrame): boolean;
  close(): void;
}

/** ``token`` is asked at every request, as it may be renewed meanwhile. */
export function makeLink(transport: Transport, host: Host, token: () => string | null): Link {
  switch (transport) {
    case "websocket":
      return new WebsocketLink(host);
    case "events":
      return new EventsLink(host, token);
    case "poll":
      return new PollLink(host, token);
  }
}
