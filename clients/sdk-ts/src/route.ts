/** How the node is reached from the network in use: the choice of transport, kept for a day under the network's name. */

import { Choice, type Failure, type Remembered, type Transport } from "./choice.ts";
import type { Host, Shelf } from "./host.ts";

export class Route {
  readonly #host: Host;
  readonly #shelf: Shelf;
  #choice = new Choice();
  #cancel: () => void = () => {};

  constructor(host: Host, shelf: Shelf) {
    this.#host = host;
    this.#shelf = shelf;
  }

  get transport(): Transport {
    return this.#choice.transport;
  }

  get patience(): number {
    return this.#choice.patience;
  }

  /** Takes up what worked on the network in use. */
  async recall(): Promise<void> {
    const known = (await this.#shelf.get(this.#name()).catch(() => null)) as Remembered | null | undefined;
    this.#choice = new Choice(known ?? null, this.#host.now());
  }

  /** True: another transport is to be tried at once. */
  failed(how: Failure): boolean {
    return this.#choice.failed(how);
  }

  welcomed(): void {
    if (!this.#choice.welcomed()) return;
    const known: Remembered = { transport: this.#choice.transport, at: this.#host.now() };
    void this.#shelf.set(this.#name(), known).catch(() => {});
  }

  /** On anything but a websocket: after a while, and when ``may`` says so, the websocket again. */
  tryWebsocketLater(may: () => boolean, again: () => void): void {
    const ms = this.#choice.againMs;
    this.#cancel();
    if (ms === null) return;
    this.#cancel = this.#host.after(ms, () => {
      if (!may()) return this.tryWebsocketLater(may, again);
      this.#choice.tryWebsocket();
      again();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #name(): string {
    return `transport:${this.#host.network()}`;
  }
}
