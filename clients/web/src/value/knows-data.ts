/** Who knows about a topic, and what somebody's contributions tell (docs/protocol/http.md, docs/scoring.md 8). */

import type { PersonView, Post } from "@tap/sdk";

export interface TopicRecord {
  topic: string;
  /** Enough answers to enough people of enough teams; else they are emerging. */
  expert: boolean;
  /** What vouches for the person, as a sentence. */
  evidence: string;
}

export interface Expert {
  person: string;
  record: TopicRecord;
  /** Of one's own working day today, also theirs; null without a known time zone. */
  shared_minutes: number | null;
  week_answers: number;
  week_calls: number;
  busy: boolean;
}

export interface Experts {
  experts: Expert[];
  people: Record<string, PersonView>;
}

export interface Milestone { name: string; at: number; post: string }
export interface Median { name: string; days: number; people: number }

/** Null is what is not shown to whoever asks. */
export interface PersonRecord {
  topics: TopicRecord[] | null;
  influence: { breadth: number; contents: number; people: number; countries: string[] } | null;
  milestones: Milestone[] | null;
  published: { standing: number; level: number } | null;
  medians: Median[];
}

/** Topics to choose from: one's own skills first, then what is being talked about, the most often named first. */
export function topicsAround(skills: readonly string[], posts: readonly Pick<Post, "topics">[], most: number): string[] {
  const named = new Map<string, number>();
  for (const topic of posts.flatMap(({ topics }) => topics)) named.set(topic, (named.get(topic) ?? 0) + 1);
  const talked = [...named].toSorted(([a, n], [b, m]) => m - n || a.localeCompare(b)).map(([topic]) => topic);
  return [...new Set([...talked.slice(0, most), ...skills.filter((skill) => named.has(skill))])].slice(0, most);
}

/** The address of a composer that asks this person about this topic. */
export function askingAddress(person: string, topic: string): string {
  return `/?${new URLSearchParams({ new: "question", topic, to: person }).toString()}`;
}
