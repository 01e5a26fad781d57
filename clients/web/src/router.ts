/**
 * Addresses and history: links are plain anchors, so opening in a new tab works; a plain click stays on
 * the page. Going back finds the item that had the focus or was on top of the screen, not a number of pixels.
 */

import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
  hash: string;
  /** Counts ways taken, so that who asks for the same place again is led there again. */
  visit: number;
}

interface Anchor {
  id: string;
  top: number;
}

let visits = 0;
const current = signal<Place>(read());
/** Where to stand once the page shown by going back has its content. */
let wanted: Anchor | null = null;

export const place = current;

function read(): Place {
  const { pathname, search, hash } = window.location;
  return { path: pathname, query: new URLSearchParams(search), hash: hash.slice(1), visit: visits };
}

export function go(address: string, how: "push" | "replace" = "push"): void {
  rememberAnchor();
  wanted = null;
  if (how === "push") visits += 1;
  if (how === "push") window.history.pushState(null, "", address);
  else window.history.replaceState(null, "", address);
  current.value = read();
  if (how === "push") window.scrollTo(0, 0);
}

/** Follows plain clicks on our own links, and the back button. */
export function startRouting(): void {
  window.history.scrollRestoration = "manual";
  document.addEventListener("click", followLink);
  window.addEventListener("popstate", () => {
    wanted = window.history.state as Anchor | null;
    current.value = read();
  });
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest("a");
  if (!link || link.target !== "" || link.origin !== window.location.origin || link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
}

/** The item that has the focus, if it can be seen; else the one on top of the screen. */
function rememberAnchor(): void {
  const focused = document.activeElement?.closest<HTMLElement>("[data-item]");
  const all = [...(focused ? [focused] : []), ...document.querySelectorAll<HTMLElement>("[data-item]")];
  for (const item of all) {
    const { top, bottom } = item.getBoundingClientRect();
    if (bottom <= 0 || top >= window.innerHeight) continue;
    window.history.replaceState({ id: item.dataset["item"] ?? "", top } satisfies Anchor, "");
    return;
  }
}

/** Rows off the screen have estimated heights, which become real within a few frames of being near it. */
const SETTLING_FRAMES = 12;

/** Called by a page whose content is in place; stands where the reader was. True if there was such a spot. */
export function restoreScroll(): boolean {
  const anchor = wanted;
  if (anchor === null) return false;
  const item = document.querySelector<HTMLElement>(`[data-item="${CSS.escape(anchor.id)}"]`);
  if (item === null) return false;
  wanted = null;
  item.focus({ preventScroll: true });
  hold(item, anchor.top);
  return true;
}

/** Keeps an item at its height on the screen until the page has settled, or the reader scrolls. */
function hold(item: HTMLElement, top: number): void {
  const own = new AbortController();
  for (const act of ["wheel", "touchstart", "keydown", "pointerdown"]) {
    window.addEventListener(act, () => own.abort(), { signal: own.signal, passive: true });
  }
  let frames = SETTLING_FRAMES;
  const settle = (): void => {
    if (own.signal.aborted) return;
    window.scrollBy({ top: item.getBoundingClientRect().top - top, behavior: "instant" });
    frames -= 1;
    if (frames > 0) requestAnimationFrame(settle);
    else own.abort();
  };
  settle();
}
