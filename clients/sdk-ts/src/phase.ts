/** The states of a connection, and what it waits for. */

export type Phase = "idle" | "renewing" | "opening" | "greeting" | "catching_up" | "live" | "waiting" | "asleep" | "stopped";
/** Why it is not live, in a word for programs. */
export type Why = "" | "offline" | "unreachable" | "silent" | "stopping" | "busy" | "too_many" | "signed_out" | "refused" | "gap";
/** Whether somebody looks: a page in front, a page behind others, or a device that put us aside. */
export type Attention = "visible" | "hidden" | "background";

export const SIGNED_OUT = 4401;
/** Coming back with the same words would be refused again. */
export const FINAL_CODES: ReadonlySet<number> = new Set([4403, 4406]);
/** Codes of our own protocol, and of a node that stops, are answers of the node: the transport works. */
export const NODE_CODE_MIN = 4000;

const WHY: Record<number, Why> = {
  1001: "stopping", 4401: "signed_out", 4403: "refused", 4406: "refused", 4409: "too_many", 4429: "busy", 4503: "busy",
};

export function whyOf(code: number, online: boolean): Why {
  return WHY[code] ?? (online ? "unreachable" : "offline");
}
