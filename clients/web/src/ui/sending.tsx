/** Forms whose words stay until they are taken: what refuses them is said beside them. */

import type { Answer, Command } from "@tap/sdk";
import { useEffect, useRef, useState } from "preact/hooks";

import { complainOf, give } from "../act.ts";
import { useClient } from "../client.ts";
import { Icon } from "./icon.tsx";

export interface Sending {
  /** Why the last attempt was refused; else empty. */
  refusal: string;
  /** The answer, or null where it was refused or one is still awaited. */
  send: (command: Command) => Promise<Answer | null>;
}

/** For a dialog, which stays open for the answer as long as there is a connection; without one the outbox has its words. */
export function useSending(onClose: () => void): Sending {
  const client = useClient();
  const [refusal, setRefusal] = useState("");
  const [underway, setUnderway] = useState(false);
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);
  const waits = underway && client.phase.value !== "live";
  useEffect(() => { if (waits) onClose(); }, [waits, onClose]);
  const send = async (command: Command): Promise<Answer | null> => {
    if (underway) return null;
    const full = client.outbox.full;
    setRefusal(full?.message ?? "");
    if (full !== null) return null;
    setUnderway(true);
    const outcome = await give(client, command);
    setUnderway(false);
    if (outcome.ok) return outcome.answer;
    if (here.current) setRefusal(outcome.error.message);
    else complainOf(command, outcome.error.message);
    return null;
  };
  return { refusal, send };
}

export function Refusal({ text }: { text: string }) {
  if (text === "") return null;
  return <p class="failed" role="alert"><Icon name="warning" size={16} /> <span>{text}</span></p>;
}
