/**
 * Single-key shortcuts: never while typing, never with a modifier, and they can be turned off
 * (WCAG 2.1.4), since voice control types letters too.
 */

import { signal } from "@preact/signals";

import { go } from "../router.ts";
import { helpOpen } from "./help.tsx";

const KEY = "tap:keys";
const CHORD_MS = 1_000;

export const keysOn = signal(load());

let chord = "";
let chordTimer = 0;

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (!keysOn.value || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.closest("input, textarea, select, dialog, [role=menu], [contenteditable]")) return;
    if (press(chord + event.key)) event.preventDefault();
    chord = chord === "" && event.key === "g" ? "g" : "";
    window.clearTimeout(chordTimer);
    chordTimer = window.setTimeout(() => { chord = ""; }, CHORD_MS);
  });
}

export function setKeys(on: boolean): void {
  keysOn.value = on;
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Kept until the page closes.
  }
}

function load(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

function press(keys: string): boolean {
  const action = ACTIONS[keys];
  action?.();
  return action !== undefined;
}

const ACTIONS: Record<string, () => void> = {
  "j": () => step(1),
  "k": () => step(-1),
  "o": () => openFocused(),
  "/": () => go("/people#people-search"),
  "n": () => go("/?new=update"),
  "gh": () => go("/"),
  "gc": () => go("/communities"),
  "gp": () => go("/people"),
  "gi": () => go("/impact"),
  "?": () => { helpOpen.value = true; },
};

/** To the next or previous post from the one with focus, or else from the top of the screen. */
function step(by: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>("[data-item]")];
  const focused = items.findIndex((item) => item.contains(document.activeElement));
  const topmost = items.findIndex((item) => item.getBoundingClientRect().top >= 0);
  const to = focused >= 0 ? focused + by : topmost;
  const item = items[Math.min(Math.max(to, 0), items.length - 1)];
  item?.focus({ preventScroll: true });
  item?.scrollIntoView({ block: "nearest" });
}

function openFocused(): void {
  const item = document.activeElement?.closest<HTMLElement>(".feed > article");
  if (item) go(`/t/${item.dataset["item"] ?? ""}`);
}
