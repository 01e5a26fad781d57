/** Who is signed in here, and the machinery that serves them. */

import { Api, ApiError, type Host, SUBPROTOCOL, TapClient, openShelf } from "@tap/sdk";
import { signal } from "@preact/signals";

import { t } from "./strings.ts";

export type Session =
  | { state: "starting" }
  | { state: "signed_out" }
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
  };
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
    const client = await TapClient.open({ host, shelf, schedule, name: CLIENT, signedOut });
    session.value = { state: "signed_in", client };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) signedOut();
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

export async function signOut(): Promise<void> {
  if (session.value.state !== "signed_in") return;
  await session.value.client.api.post("/logout").catch(() => {});
  signedOut();
}

function wake(): void {
  if (session.value.state === "signed_in") session.value.client.wake();
  else if (session.value.state === "failed") void start();
}

/** The machine woke or the network came back: the socket is asked at once, not after its silence. */
export function listenToMachine(): void {
  window.addEventListener("online", wake);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
}
