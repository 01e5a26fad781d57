/** A page that has just appeared takes the focus: to what its address names, else to its heading. */
export function focusPage(hash = ""): void {
  const heading = document.querySelector<HTMLElement>("#content h1") ?? document.getElementById("content");
  const named = hash === "" ? heading : document.getElementById(hash);
  named?.focus({ preventScroll: true });
}

/** What says of itself what it is: somewhere to stand for who listens. */
const PLACES = "article, dialog, form[aria-label], section[aria-label], [role=group], main";

/**
 * What has the focus may go with its deed: a button that was pressed, a row that was put away. Then the nearest place
 * around it that is still there has it, so that who reads by keyboard or ear goes on from there.
 */
export function keepFocus(): void {
  let path: HTMLElement[] = [];
  document.addEventListener("focusin", ({ target }) => { path = outwards(target as HTMLElement); });
  // Let go of by a press beside it.
  document.addEventListener("click", () => { if (document.activeElement === document.body) path = []; });
  const watcher = new MutationObserver(() => {
    if (path.length === 0 || path[0]?.isConnected || document.activeElement !== document.body) return;
    const place = path.find((element) => element.isConnected && element.matches(PLACES)) ?? document.getElementById("content");
    path = [];
    if (place) standOn(place);
  });
  watcher.observe(document.body, { childList: true, subtree: true });
}

function outwards(element: HTMLElement): HTMLElement[] {
  const path: HTMLElement[] = [];
  for (let at: HTMLElement | null = element; at !== null; at = at.parentElement) path.push(at);
  return path;
}

/** Only while it has the focus can it be focused, if it could not before. */
function standOn(place: HTMLElement): void {
  if (!place.hasAttribute("tabindex")) {
    place.tabIndex = -1;
    place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
  }
  place.focus({ preventScroll: true });
}
