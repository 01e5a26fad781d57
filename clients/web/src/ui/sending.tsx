/** Forms whose words stay until they are taken: what refuses them is said beside them. */

import type { Answer, Command, ErrorBody } from "@tap/sdk";
import { useEffect, useRef, useState } from "preact/hooks";

import { complainOf, give } from "../act.ts";
import { useClient } from "../client.ts";
import { Icon } from "./icon.tsx";

export interface Sending {
  /** Why the last attempt was refused; else empty. */
  refusal: string;
  /** The field of the command that was to blame, where a refusal names one; else empty. */
  field: string;
  /** The answer, or null where it was refused or one is still awaited. */
  send: (command: Command) => Promise<Answer | null>;
}

/** For a dialog, which stays open for the answer as long as there is a connection; without one the outbox has its words. */
export function useSending(onClose: () => void): Sending {
  const client = useClient();
  const [refused, setRefused] = useState<ErrorBody | null>(null);
  const [underway, setUnderway] = useState(false);
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);
  const waits = underway && client.phase.value !== "live";
  useEffect(() => { if (waits) onClose(); }, [waits, onClose]);
  const send = async (command: Command): Promise<Answer | null> => {
    if (underway) return null;
    const full = client.outbox.full;
    setRefused(full);
    if (full !== null) return null;
    setUnderway(true);
    const outcome = await give(client, command);
    setUnderway(false);
    if (outcome.ok) return outcome.answer;
    if (here.current) setRefused(outcome.error);
    else complainOf(command, outcome.error.message);
    return null;
  };
  return { refusal: refused?.message ?? "", field: firstOf(refused?.field ?? ""), send };
}

/** Of a path such as ``skills[...]`` the field in which it lies. */
function firstOf(path: string): string {
  return path.split(/[.[]/u)[0] ?? "";
}

export function Refusal({ text, id }: { text: string; id?: string }) {
  if (text === "") return null;
  return <p id={id} class="failed" role="alert"><Icon name="warning" size={16} /> <span>{text}</span></p>;
}
