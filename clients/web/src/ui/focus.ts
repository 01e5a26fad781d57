/** A page that has just appeared takes the focus: to what its address names, else to its heading. */
export function focusPage(hash = ""): void {
  const heading = document.querySelector<HTMLElement>("#content h1") ?? document.getElementById("content");
  const named = hash === "" ? heading : document.getElementById(hash);
  named?.focus({ preventScroll: true });
}
