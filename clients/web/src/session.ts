/** Who is signed in here, and the machinery that serves them. */

import { Api, ApiError, type Attention, type Host, SUBPROTOCOL, TapClient, openShelf } from "@tap/sdk";
import { signal } from "@preact/signals";

import { tellOfEarlier } from "./act.ts";
import { t } from "./strings.ts";
import { complain } from "./ui/notice.tsx";

export type Session =
  | { state: "starting" }
  | { state: "signed_out"; moved?: ApiError }
  | { state: "failed"; message: string }
  | { state: "signed_in"; client: TapClient };

export const session = signal<Session>({ state: "starting" });

const CLIENT = "web/0.1";

function browserHost(): Host {
  return {
    now: () => Date.now(),
    after: (ms, work) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    random: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
    socket: () => new WebSocket(`${window.location.protocol === "https:" ? "wss" : "ws"}://${window.location.host}/api/v1/live`, SUBPROTOCOL),
    fetch: (path, init) => fetch(path, { ...init, credentials: "same-origin" }),
    upload,
    online: () => navigator.onLine,
    network: () => (navigator as Networked).connection?.type ?? "any",
  };
}

/** Only the older of the two ways to ask tells how far a body has been sent. */
function upload(path: string, init: RequestInit, progress: (share: number) => void): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(init.method ?? "POST", path);
    for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total > 0 ? loaded / total : 0));
    request.addEventListener("load", () => resolve(new Response(request.responseText, { status: request.status })));
    for (const end of ["error", "abort"]) request.addEventListener(end, () => reject(new Error(end)));
    init.signal?.addEventListener("abort", () => request.abort());
    request.send(init.body as XMLHttpRequestBodyInit);
  });
}

/** Browsers that tell say whether it is "wifi", "cellular" or "ethernet"; a page learns no more of its network. */
interface Networked extends Navigator {
  connection?: EventTarget & { type?: string };
}

const host = browserHost();

/** At the next frame of the screen; a hidden page has none, and is brought up to date when it is shown. */
function schedule(flush: () => void): void {
  requestAnimationFrame(flush);
}

export async function start(): Promise<void> {
  session.value = { state: "starting" };
  try {
    const shelf = await openShelf("tap");
    const client = await TapClient.open({ host, shelf, schedule, name: CLIENT, signedOut, failed: reportError });
    // It may have been opened behind others.
    client.attend(attention());
    tellOfEarlier(client);
    session.value = { state: "signed_in", client };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) signedOut();
    else if (error instanceof ApiError && error.code === "moved") session.value = { state: "signed_out", moved: error };
    else session.value = { state: "failed", message: error instanceof Error ? error.message : t.somethingWrong };
  }
}

function signedOut(): void {
  if (session.value.state === "signed_in") session.value.client.close();
  session.value = { state: "signed_out" };
}

/** Throws ApiError with the server's sentence when name and password do not fit. */
export async function signIn(person: string, password: string): Promise<void> {
  await new Api(host).post("/login", { person, password });
  await start();
}

/** Only the node can end the session: while it has not, whoever opens this page next is this person. */
export async function signOut(): Promise<void> {
  if (session.value.state !== "signed_in") return;
  try {
    await session.value.client.api.post("/logout");
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) return complain(t.stillSignedIn);
  }
  signedOut();
}

function withClient(work: (client: TapClient) => void): void {
  if (session.value.state === "signed_in") work(session.value.client);
  else if (session.value.state === "failed" && document.visibilityState === "visible") void start();
}

/** Touch is all it has: a phone or tablet, whose system soon freezes a page that is not seen. */
const isPhone = window.matchMedia("(hover: none) and (pointer: coarse)");

function attention(): Attention {
  if (document.visibilityState === "visible") return "visible";
  return isPhone.matches ? "background" : "hidden";
}

function networkChanged(): void {
  withClient((client) => void client.networkChanged());
}

/** The network came back or changed, the page is looked at or put aside (docs/howto/web-client.md). */
export function listenToMachine(): void {
  window.addEventListener("online", networkChanged);
  (navigator as Networked).connection?.addEventListener("change", networkChanged);
  document.addEventListener("visibilitychange", () => withClient((client) => client.attend(attention())));
  // Said while the page can still speak; nothing of it runs until ``resume``.
  document.addEventListener("freeze", () => withClient((client) => client.attend("background")));
  document.addEventListener("resume", () => withClient((client) => client.attend(attention())));
  // Out of the back-forward cache: the connection did not survive, whatever it looks like.
  window.addEventListener("pageshow", ({ persisted }) => persisted && withClient((client) => client.wake()));
}
