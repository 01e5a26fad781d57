/** The HTTP API under /api/v1: answers as values, refusals as ``ApiError`` with the server's own sentence. */

import type { ErrorBody } from "./frames.ts";
import type { Host } from "./host.ts";
import { ask, ownWord } from "./requests.ts";

export const REQUEST_MS_MAX = 20_000;
/** What a node gives an upload (UPLOAD_SECONDS_MAX), and its answer. */
export const UPLOAD_MS_MAX = 310_000;

/** A file as the node keeps it: its ``hash`` is what a post attaches. */
export interface Uploaded { hash: string; type: string; size: number; width: number; height: number }

export interface UploadOptions {
  progress?: (share: number) => void;
  signal?: AbortSignal;
}

/** A refusal, or ``offline`` when nobody answered; ``status`` is then 0. */
export class ApiError extends Error {
  readonly code: string;
  readonly field: string | null;
  readonly retry: boolean;
  readonly status: number;
  /** With ``moved``: the address of the region where this account is by now. */
  readonly url: string | null;

  constructor(body: ErrorBody, status: number) {
    super(body.message);
    this.name = "ApiError";
    this.code = body.code;
    this.field = body.field ?? null;
    this.retry = body.retry;
    this.status = status;
    this.url = body.url ?? null;
  }
}

export type Query = Record<string, string | number | undefined>;

export class Api {
  readonly #host: Host;
  readonly #token: () => string | null;

  /** Without a token the host's own credentials serve, such as a browser's cookie. */
  constructor(host: Host, token: () => string | null = () => null) {
    this.#host = host;
    this.#token = token;
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.#ask<T>(search === "" ? path : `${path}?${search}`, { method: "GET" });
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#ask<T>(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  upload(file: Blob, { progress, signal }: UploadOptions = {}): Promise<Uploaded> {
    const { upload } = this.#host;
    const via = upload && progress ? { fetch: (path: string, init: RequestInit) => upload(path, init, progress) } : this.#host;
    const headers = { "content-type": "application/octet-stream" };
    return this.#ask<Uploaded>("/media", { method: "POST", headers, body: file, signal: signal ?? null }, via, UPLOAD_MS_MAX);
  }

  async #ask<T>(path: string, init: RequestInit, via: Pick<Host, "fetch"> = this.#host, ms = REQUEST_MS_MAX): Promise<T> {
    const abort = new AbortController();
    const cancel = this.#host.after(ms, () => abort.abort());
    init.signal?.addEventListener("abort", () => abort.abort());
    try {
      const response = await ask(via, `/api/v1${path}`, this.#token(), { ...init, signal: abort.signal });
      const answer: unknown = await response.json().catch(() => null);
      if (response.ok) return answer as T;
      throw refusal(answer, response.status);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError({ code: "offline", message: "The server cannot be reached just now.", retry: true }, 0);
    } finally {
      cancel();
    }
  }
}

function refusal(answer: unknown, status: number): ApiError {
  const body = ownWord(answer);
  if (body !== null) return new ApiError(body, status);
  return new ApiError({ code: "internal", message: `The server answered with status ${status}.`, retry: status >= 500 }, status);
}
