/**
 * The token a client connects with, renewed before it ends: asked for once at a time, and one that the node
 * refused is never shown to it again. A browser page with a cookie has no provider and no token.
 */

import { backoff } from "./backoff.ts";
import type { Welcome } from "./frames.ts";
import type { Host } from "./host.ts";

/** Gives a token that is good for a while. Throws an ``ApiError`` of status 401 when only a person can help. */
export type TokenProvider = () => Promise<string>;

/** A token with less left than this is renewed before connecting: the node's own warning comes then (welcome). */
export const RENEW_BEFORE_MS = 60_000;

/** The provider has nothing better than what was refused. */
export class TokenRefused extends Error {
  readonly status = 401;
}

export class Credentials {
  readonly #host: Host;
  readonly #provider: TokenProvider | null;
  readonly #refused = new Set<string>();
  #token: string | null = null;
  /** The connection lives and dies with this one. */
  #livesOn: string | null = null;
  /** By our own clock. */
  #endsAt = Infinity;
  /** The node's clock minus ours. */
  #ahead = 0;
  #renewal: Promise<string> | null = null;

  constructor(host: Host, provider: TokenProvider | null) {
    this.#host = host;
    this.#provider = provider;
  }

  get token(): string | null {
    return this.#token;
  }

  get renewable(): boolean {
    return this.#provider !== null;
  }

  /** Whether to renew before connecting. */
  get due(): boolean {
    if (this.#provider === null) return false;
    return this.#token === null || this.#refused.has(this.#token) || this.#host.now() >= this.#endsAt - RENEW_BEFORE_MS;
  }

  /** In a hello: until another was ``renewed``. */
  shown(): void {
    this.#livesOn = this.#token;
  }

  /** What a welcome says of the node's clock, and of when the credentials end. */
  welcomed({ server_time: serverTime, expires_at: expiresAt }: Welcome): void {
    if (serverTime > 0) this.#ahead = serverTime - this.#host.now();
    if (expiresAt) this.#endsAt = expiresAt - this.#ahead;
  }

  /** The node took the last token; it ends then, by the node's clock. */
  renewed(expiresAt: number): void {
    this.#livesOn = this.#token;
    this.#endsAt = expiresAt - this.#ahead;
  }

  /** The node does not accept, or no longer, the token that the connection lived on. */
  refuse(): void {
    if (this.#livesOn !== null) this.#refused.add(this.#livesOn);
  }

  /** A new token; everybody who asks meanwhile gets the same one. Throws what the provider throws, or TokenRefused. */
  renew(): Promise<string> {
    this.#renewal ??= this.#ask().finally(() => { this.#renewal = null; });
    return this.#renewal;
  }

  /**
   * In time before they end: asks until there is a token for ``use``, or nobody can help, or ``wanted`` says
   * that the question is settled otherwise.
   */
  async renewInTime(wanted: () => boolean, use: (token: string) => void, attempt = 0): Promise<void> {
    if (!this.renewable || !wanted()) return;
    try {
      const token = await this.renew();
      if (wanted()) use(token);
    } catch (error) {
      if (isFinal(error)) return;
      this.#host.after(backoff(attempt, 0, this.#host.random()), () => void this.renewInTime(wanted, use, attempt + 1));
    }
  }

  async #ask(): Promise<string> {
    if (this.#provider === null) throw new TokenRefused("there is nobody to ask for a token");
    const token = await this.#provider();
    if (this.#refused.has(token)) throw new TokenRefused("the same token again, which was refused");
    this.#token = token;
    this.#endsAt = Infinity;
    return token;
  }
}

/** Whether asking again cannot help. */
export function isFinal(error: unknown): boolean {
  return (error as { status?: unknown } | null)?.status === 401;
}
