/** Saying that one types: at most every three seconds for each place; the node forgets a word after six. */

export const TYPING_MS = 3_000;

export class Typing {
  readonly #saidAt = new Map<string, number>();

  /** Whether the word is due; it counts as said then. */
  isDue(channel: string, now: number): boolean {
    const said = this.#saidAt.get(channel);
    // Said later than now: the clock was set back, and how long ago it was nobody knows.
    if (said !== undefined && now >= said && now - said < TYPING_MS) return false;
    this.#saidAt.set(channel, now);
    return true;
  }

  /** What was typed there is sent or thrown away. */
  forget(channel: string): void {
    this.#saidAt.delete(channel);
  }

  /** A new connection: nobody there has heard anything. */
  clear(): void {
    this.#saidAt.clear();
  }
}
