/**
 * A button with a menu (WAI-ARIA practices, "Menu Button"):
 * Enter, Space, Down open on the first item, Up on the last; Up, Down, Home, End move; a letter jumps;
 * Escape and Tab close; focus returns to the button.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { useEvent } from "./event.ts";

export interface MenuItem {
  label: string;
  /** Shown instead of the label, which stays as the item's name. */
  face?: ComponentChildren;
  act: () => void;
  danger?: boolean;
}

interface Props {
  label: string;
  face: ComponentChildren;
  items: readonly MenuItem[];
  class?: string;
  across?: boolean;
  /** The face is words: they name the button, and the label only the menu. */
  named?: boolean;
}

export function Menu({ label, face, items, class: className = "icon-button", across = false, named = false }: Props) {
  const [open, setOpen] = useState<"first" | "last" | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (refocus: boolean): void => {
    setOpen(null);
    if (refocus) button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    setOpen(event.key === "ArrowDown" ? "first" : "last");
  };
  return (
    <span class="menu-anchor">
      <button
        ref={button} type="button" class={className} aria-label={named ? undefined : label} aria-haspopup="menu" aria-expanded={open !== null}
        aria-controls={open ? id : undefined} onClick={() => setOpen(open ? null : "first")} onKeyDown={onKeyDown}
      >
        {face}
      </button>
      {open && <Items id={id} label={label} items={items} start={open} across={across} close={close} />}
    </span>
  );
}

interface ItemsProps {
  id: string;
  label: string;
  items: readonly MenuItem[];
  start: "first" | "last";
  across: boolean;
  close: (refocus: boolean) => void;
}

function Items({ id, label, items, start, across, close }: ItemsProps) {
  const list = useRef<HTMLDivElement>(null);
  const buttons = (): HTMLElement[] => [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  const opened = useEvent(() => (start === "first" ? buttons()[0] : buttons().at(-1))?.focus());
  const outside = useEvent((event: PointerEvent) => {
    if (!list.current?.parentElement?.contains(event.target as Node)) close(false);
  });
  useEffect(() => {
    opened();
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [opened, outside]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = destination(event.key, at, all);
    if (event.key === "Escape") close(true);
    if (event.key === "Tab") close(false);
    if (to === undefined) return;
    event.preventDefault();
    to.focus();
  };
  return (
    <div ref={list} id={id} class={across ? "menu menu-across" : "menu"} role="menu" aria-label={label} tabIndex={-1} onKeyDown={onKeyDown}>
      {items.map((item) => (
        <button
          key={item.label} type="button" role="menuitem" tabIndex={-1} class={item.danger ? "danger" : ""}
          {...(item.face === undefined ? {} : { "aria-label": item.label })}
          onClick={() => { close(true); item.act(); }}
        >
          {item.face ?? item.label}
        </button>
      ))}
    </div>
  );
}

function destination(key: string, at: number, all: readonly HTMLElement[]): HTMLElement | undefined {
  switch (key) {
    case "ArrowDown":
    case "ArrowRight":
      return all[(at + 1) % all.length];
    case "ArrowUp":
    case "ArrowLeft":
      return all.at(at - 1);
    case "Home":
      return all[0];
    case "End":
      return all.at(-1);
    default:
      if (key.length !== 1) return undefined;
      return [...all.slice(at + 1), ...all.slice(0, at + 1)].find((item) =>
        item.textContent?.toLocaleLowerCase().startsWith(key.toLocaleLowerCase()));
  }
}
