/** What one can say of oneself, and what there is to choose from. */

import type { PersonView, Profile } from "@tap/sdk";

import { t } from "../strings.ts";

/** A value and its name. */
export type Choice = readonly [value: string, name: string];

export function profileOf({ name, title, unit, country, about, skills, locale, timezone }: PersonView): Profile {
  return { name, title, unit, country, about, skills, locale, timezone };
}

/** The skills with those named in a text, each once however it is spelt. */
export function withSkills(skills: readonly string[], text: string): string[] {
  const named = new Set(skills.map(spelt));
  const news = text.split(",").map((part) => part.trim()).filter((part) => part !== "" && !named.has(spelt(part)) && named.add(spelt(part)));
  return [...skills, ...news];
}

function spelt(skill: string): string {
  return skill.toLowerCase();
}

/** Every time zone the browser knows and the one that is kept, which it may know by another name. */
export function timezones(kept: string): Choice[] {
  const device = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = new Set([kept, device, "UTC", ...Intl.supportedValuesOf("timeZone")]);
  return [...known].toSorted().map((zone) => [zone, zone.replaceAll("_", " ")]);
}

/** Every language the browser has a word for, in that language; those its owner reads, and the one that is kept. */
export function languages(kept: string): Choice[] {
  const known = new Set([kept, ...navigator.languages, ...Intl.DisplayNames.supportedLocalesOf(twoLetters())]);
  const order = new Intl.Collator(t.language);
  return [...known].map((tag): Choice => [tag, languageName(tag)]).toSorted(([, a], [, b]) => order.compare(a, b));
}

/** Of no code is it known in advance whether the browser has a name for it. */
function twoLetters(): string[] {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  return letters.flatMap((first) => letters.map((second) => first + second));
}

function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(tag, { type: "language" }).of(tag) ?? tag;
  } catch {
    // Nothing keeps others from writing what is no tag of a language.
    return tag;
  }
}
