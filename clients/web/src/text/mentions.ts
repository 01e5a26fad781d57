/** ``@person`` in running text: not inside a word, an address or a path. */
export const MENTION = /(?<![\p{L}\p{N}@/.])@([a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)/gu;

/** Everyone a text names with an @; whether they exist is for the server to say. */
export function mentionedIn(text: string): string[] {
  return [...new Set([...text.matchAll(MENTION)].map((found) => found[1] ?? ""))];
}
