/** Whether one wants to read points where a community keeps quiet about them; kept in this browser. */

import { signal } from "@preact/signals";

const KEY = "tap:numbers";

export const numbersShown = signal(load());

export function showNumbers(on: boolean): void {
  numbersShown.value = on;
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Kept until the page closes.
  }
}

function load(): boolean {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}
