/** Reports as the node tells them to moderators (docs/protocol/http.md 7), and which answers are left. */

import type { Api, Post } from "@tap/sdk";

import { t } from "../strings.ts";

export interface Report {
  post: string;
  /** One of each reporter, who stays unnamed. */
  reasons: string[];
  /** Answered, and reported by nobody since. */
  resolved: boolean;
  /** Of the last answer, also while later reports wait. */
  upheld: boolean;
  note: string;
  /** How far these reports go, to be given back with the answer: what is said meanwhile stays open. */
  seen: number;
}

interface Page {
  reports: Report[];
  next: string | null;
}

const PAGE_ITEMS = 100;

/** All pages: the node goes by the age of the post, and what is still open may be on any of them. */
export async function allReports(api: Pick<Api, "get">, community: string, after?: string): Promise<Report[]> {
  const { reports, next } = await api.get<Page>(`/communities/${community}/reports`, { after, limit: PAGE_ITEMS });
  return next === null ? reports : [...reports, ...await allReports(api, community, next)];
}

/** Of newest posts first: an id begins with its time. */
export function parted(reports: readonly Report[]): { open: Report[]; answered: Report[] } {
  const newest = reports.toSorted((a, b) => (a.post < b.post ? 1 : -1));
  return { open: newest.filter(({ resolved }) => !resolved), answered: newest.filter(({ resolved }) => resolved) };
}

export type Answer = "wrong" | "hide" | "right";

/** The last answer in words; of one that was plain and is open again nothing is told. */
export function answerOf({ resolved, upheld, note }: Report): string {
  if (!resolved && !upheld && note === "") return "";
  const said = [upheld ? t.answeredAs.right : t.answeredAs.wrong, note].join(" ").trimEnd();
  return resolved ? said : t.answeredBefore(said);
}

/** What is gone or hidden already can only be found right; who answers anew answers otherwise. */
export function answersLeft({ resolved, upheld }: Report, { deleted, hidden_for }: Pick<Post, "deleted" | "hidden_for">): Answer[] {
  const answers: Answer[] = [];
  if (!resolved || upheld) answers.push("wrong");
  if (!resolved || !upheld) answers.push(deleted || hidden_for !== "" ? "right" : "hide");
  return answers;
}
