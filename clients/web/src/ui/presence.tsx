/** Whether a colleague is there now: a dot, and the same in words. Asked only for who is on the screen. */

import { useEffect, useRef } from "preact/hooks";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";

/** Of anybody but oneself; of people whose region says nothing the dot stays empty. */
export function PresenceDot({ id }: { id: string }) {
  const { company, view } = useClient();
  const dot = useRef<HTMLSpanElement>(null);
  const known = id !== view.me;
  useEffect(() => {
    const element = dot.current;
    if (!known || element === null) return undefined;
    let leave: (() => void) | null = null;
    const watcher = new IntersectionObserver((entries) => {
      const seen = entries.at(-1)?.isIntersecting === true;
      if (seen === (leave !== null)) return;
      leave?.();
      leave = seen ? company.see(id) : null;
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      leave?.();
    };
  }, [company, id, known]);
  if (!known) return null;
  const state = company.presence(id);
  return (
    <span ref={dot} class={state ? `presence presence-${state}` : "presence"} title={state && t.presence[state]}>
      {state && <span class="unseen">{t.presence[state]}</span>}
    </span>
  );
}
