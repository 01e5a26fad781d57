/** Light, dark, or as the device: an attribute on the root, kept in this browser. */

import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "tap:theme";

export const theme = signal<Theme>("system");

export function startTheme(): void {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") setTheme(kept);
  } catch {
    // No storage: as the device.
  }
}

export function setTheme(wanted: Theme): void {
  theme.value = wanted;
  if (wanted === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
  try {
    localStorage.setItem(KEY, wanted);
  } catch {
    // Kept until the page closes.
  }
}
