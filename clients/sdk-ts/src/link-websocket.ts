/** The websocket as a link: messages are frames already. */

import { type ClientFrame, decodeFrame } from "./frames.ts";
import type { Host, SocketLike } from "./host.ts";
import type { Link, LinkListener } from "./link.ts";

const OPEN = 1;

export class WebsocketLink implements Link {
  readonly #host: Host;
  #socket: SocketLike | null = null;

  constructor(host: Host) {
    this.#host = host;
  }

  open(listener: LinkListener): void {
    const socket = this.#host.socket();
    this.#socket = socket;
    // A socket let go of may still speak; nobody listens to it then.
    const mine = (): boolean => this.#socket === socket;
    socket.addEventListener("open", () => mine() && listener.opened());
    socket.addEventListener("message", (event) => {
      if (!mine()) return;
      listener.alive();
      const frame = typeof event.data === "string" ? decodeFrame(event.data) : null;
      if (frame !== null) listener.frame(frame);
    });
    socket.addEventListener("close", (event) => mine() && listener.closed({ code: event.code, reason: event.reason }));
  }

  send(frame: ClientFrame): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Without waiting for the other side's close, which a dead network may never tell us of. */
  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
