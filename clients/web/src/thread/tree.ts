/** The order in which a thread is read. Pure. */

import type { Post } from "@tap/sdk";

export interface Branch {
  id: string;
  depth: number;
  /** Its parent has not been received yet. */
  orphan: boolean;
}

/** Deeper replies stand in the same column: on a phone nothing may shrink to a strip. */
export const DEPTH_MAX = 4;

/**
 * The replies below ``root`` in reading order: children under their parent, oldest first; the accepted
 * answer and all below it come before the others. A reply whose parent is unknown stands at the end of
 * the first level, where nobody misses it, until the parent lands.
 */
export function readingOrder(root: string, replies: readonly Post[], accepted: string | null): Branch[] {
  const known = new Set([root, ...replies.map((reply) => reply.id)]);
  const children = new Map<string | null, Post[]>();
  for (const reply of replies) {
    const parent = reply.parent && known.has(reply.parent) ? reply.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), reply]);
  }
  const order: Branch[] = [];
  const standing = new Set<string>();
  const stand = (reply: Post, depth: number, orphan: boolean): void => {
    if (standing.has(reply.id)) return;
    standing.add(reply.id);
    order.push({ id: reply.id, depth: Math.min(depth, DEPTH_MAX), orphan });
    walk(reply.id, depth + 1);
  };
  const walk = (parent: string, depth: number): void => {
    const below = (children.get(parent) ?? []).toSorted(byTime);
    for (const reply of parent === root ? acceptedFirst(below, accepted) : below) stand(reply, depth, false);
  };
  walk(root, 0);
  for (const reply of (children.get(null) ?? []).toSorted(byTime)) stand(reply, 0, true);
  // Parents in a ring reach no root; their replies are shown all the same.
  for (const reply of replies) stand(reply, 0, true);
  return order;
}

function byTime(a: Post, b: Post): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1);
}

function acceptedFirst(replies: readonly Post[], accepted: string | null): Post[] {
  return [...replies.filter((reply) => reply.id === accepted), ...replies.filter((reply) => reply.id !== accepted)];
}
