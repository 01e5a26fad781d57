/**
 * Repairing a gap in place: an event could not be applied, so the node is asked to send again what follows the
 * cursor (``rewind``), without a new connection.
 *
 *     whole --failed--> asked --pong--> answered --event up to the failed one--> whole
 *                                          `--anything else--> unclear: only a new connection is exact
 *
 * A ``ping`` goes before the ``rewind``: what comes before its ``pong`` was already on its way, and is passed
 * over, because it comes again. The first event after it must not lie beyond the one that failed.
 */

import type { ServerFrame } from "./frames.ts";

export type Verdict = "take" | "pass_over" | "unclear";

export class Gap {
  #state: "whole" | "asked" | "answered" = "whole";
  #position = 0;
  #repeats = 0;

  /** The event at this position failed, for the how-manieth time. */
  failed(position: number): number {
    this.#repeats = position === this.#position ? this.#repeats + 1 : 1;
    this.#position = position;
    this.#state = "asked";
    return this.#repeats;
  }

  /** What was lost is not known: after the ``pong`` everything is taken. */
  asked(): void {
    this.#position = Infinity;
    this.#state = "asked";
  }

  /** Nothing is owed any more, or a new connection brings it. */
  close(): void {
    this.#state = "whole";
  }

  judge(frame: ServerFrame): Verdict {
    if (this.#state === "whole") return "take";
    if (frame.t === "welcome" || frame.t === "reset") this.#state = "whole";
    if (frame.t === "pong" && this.#state === "asked") this.#state = "answered";
    if (frame.t !== "event" && frame.t !== "mark") return "take";
    if (this.#state === "asked") return "pass_over";
    if (frame.t === "mark" ? this.#position !== Infinity : frame.position > this.#position) return "unclear";
    this.#state = "whole";
    return "take";
  }
}
