/** Unfinished words, kept in this browser until they are sent: closing the page loses nothing. */

import { useLayoutEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";

export interface Draft<T> {
  value: T;
  set: (value: T | ((old: T) => T)) => void;
}

/** One person's draft under a key. Set back to ``empty`` it is forgotten. */
export function useDraft<T>(key: string, empty: T): Draft<T> {
  const kept = `tap:draft:${useClient().view.me}:${key}`;
  const [value, set] = useState<T>(() => load(kept, empty));
  // At once, not after the next frame: the page may be closed before it.
  useLayoutEffect(() => store(kept, value, empty), [kept, value, empty]);
  return { value, set };
}

function load<T>(key: string, empty: T): T {
  try {
    const kept = localStorage.getItem(key);
    if (kept === null) return empty;
    const value = JSON.parse(kept) as T;
    // Kept by an earlier version of the page, it may lack what is new.
    return typeof empty === "object" && !Array.isArray(empty) ? { ...empty, ...value } : value;
  } catch {
    return empty;
  }
}

function store<T>(key: string, value: T, empty: T): void {
  const text = JSON.stringify(value);
  try {
    if (text === JSON.stringify(empty)) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // Full or forbidden: the words are still on the screen.
  }
}
