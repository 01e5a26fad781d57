/** Unfinished words, kept in this browser until they are sent: closing the page loses nothing. */

import type { TapClient } from "@tap/sdk";
import { useLayoutEffect, useState } from "preact/hooks";

import { useClient } from "../client.ts";

export interface Draft<T> {
  value: T;
  set: (value: T | ((old: T) => T)) => void;
}

/** What was refused, back in a box like the one it came from: its draft is its own, whatever that box holds by now. */
export interface Again<T> {
  key: string;
  was: T;
  refusal: string;
  close: () => void;
  /** It is sent anew: what was refused goes. */
  settle: () => void;
}

/** The keys of the drafts in which a refused command of this key is changed. */
export const againKeys = (key: string) => ({ words: `again:${key}`, files: `again:${key}:files` });

/** Lets go of what was refused, and of how it was to be changed. */
export function letGo({ outbox, view }: TapClient, key: string): void {
  for (const draft of Object.values(againKeys(key))) forget(nameOf(view.me, draft));
  outbox.discard(key);
}

/** One person's draft under a key. Set back to ``empty`` it is forgotten. */
export function useDraft<T>(key: string, empty: T): Draft<T> {
  const kept = nameOf(useClient().view.me, key);
  const [value, set] = useState<T>(() => load(kept, empty));
  // At once, not after the next frame: the page may be closed before it.
  useLayoutEffect(() => store(kept, value, empty), [kept, value, empty]);
  return { value, set };
}

function nameOf(person: string, key: string): string {
  return `tap:draft:${person}:${key}`;
}

function forget(kept: string): void {
  try {
    localStorage.removeItem(kept);
  } catch {
    // Forbidden: then nothing was kept.
  }
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
