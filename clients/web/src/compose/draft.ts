/** Unfinished words, kept in this browser until they are sent: closing the page loses nothing. */

import { useEffect, useState } from "preact/hooks";

const PREFIX = "tap:draft:";

export interface Draft<T> {
  value: T;
  set: (value: T | ((old: T) => T)) => void;
}

export function useDraft<T>(key: string, empty: T): Draft<T> {
  const [value, set] = useState<T>(() => load(key, empty));
  useEffect(() => store(key, value, empty), [key, value, empty]);
  return { value, set };
}

export function clearDraft(key: string): void {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // No storage: nothing was kept either.
  }
}

function load<T>(key: string, empty: T): T {
  try {
    const kept = localStorage.getItem(PREFIX + key);
    return kept === null ? empty : (JSON.parse(kept) as T);
  } catch {
    return empty;
  }
}

function store<T>(key: string, value: T, empty: T): void {
  const text = JSON.stringify(value);
  if (text === JSON.stringify(empty)) return clearDraft(key);
  try {
    localStorage.setItem(PREFIX + key, text);
  } catch {
    // Full or forbidden: the words are still on the screen.
  }
}
