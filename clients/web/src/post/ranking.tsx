/** Putting choices in one's own order with buttons: nothing needs dragging. */

import { useRef, useState } from "preact/hooks";

import { t } from "../strings.ts";
import { announce } from "../ui/notice.tsx";
import { Icon } from "../ui/icon.tsx";

interface Props {
  choices: readonly string[];
  /** Indices in an order chosen earlier; those missing follow in the poll's own order. */
  start: readonly number[];
  submit: (order: number[]) => void;
}

export function Ranking({ choices, start, submit }: Props) {
  const [order, setOrder] = useState<readonly number[]>(() => [...start, ...choices.keys()].filter((item, at, all) => all.indexOf(item) === at));
  const list = useRef<HTMLOListElement>(null);
  const move = (from: number, step: 1 | -1): void => {
    const next = swapped(order, from, from + step);
    setOrder(next);
    const moved = next[from + step] ?? 0;
    announce(`${choices[moved] ?? ""}: ${from + step + 1}`);
    // The button travels with its row; at the ends its twin takes the focus.
    requestAnimationFrame(() => refocus(list.current, from + step, step));
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); submit([...order]); }}>
      <p class="meta">{t.rankHint}</p>
      <ol ref={list} class="ranking">
        {order.map((choice, at) => (
          <li key={choice}>
            <span class="num rank" aria-hidden="true">{at + 1}</span>
            <span class="grow" dir="auto">{choices[choice]}</span>
            <button type="button" class="icon-button" aria-label={t.moveUp(choices[choice] ?? "")} disabled={at === 0} onClick={() => move(at, -1)}>
              <Icon name="up" />
            </button>
            <button type="button" class="icon-button" aria-label={t.moveDown(choices[choice] ?? "")} disabled={at === order.length - 1} onClick={() => move(at, 1)}>
              <Icon name="down" />
            </button>
          </li>
        ))}
      </ol>
      <button type="submit" class="button">{t.submitRanking}</button>
    </form>
  );
}

export function swapped(order: readonly number[], a: number, b: number): number[] {
  const next = [...order];
  const [first, second] = [order[a], order[b]];
  if (first === undefined || second === undefined) return next;
  next[a] = second;
  next[b] = first;
  return next;
}

function refocus(list: HTMLOListElement | null, row: number, step: 1 | -1): void {
  const [up, down] = list?.children[row]?.querySelectorAll("button") ?? [];
  const wanted = step === -1 ? up : down;
  (wanted?.disabled ? (step === -1 ? down : up) : wanted)?.focus();
}
