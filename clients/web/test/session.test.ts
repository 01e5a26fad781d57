import { ApiError, type TapClient } from "@tap/sdk";
import { expect, test, vi } from "vitest";

vi.stubGlobal("window", Object.assign(globalThis, { matchMedia: () => ({ matches: false }) }));
const { session, signOut } = await import("../src/session.ts");
const { notice } = await import("../src/ui/notice.tsx");

const refused = (status: number) => new ApiError({ code: "any", message: "", retry: true }, status);

test.each([
  ["the node ended the session", null, "signed_out", false],
  ["it was ended before", refused(401), "signed_out", false],
  ["nobody answers", refused(0), "signed_in", true],
  ["the node is not ready", refused(503), "signed_in", true],
])("who signs out is told so only when it is true: %s", async (_name, error, state, told) => {
  notice.value = null;
  const api = { post: () => (error === null ? Promise.resolve({}) : Promise.reject(error)) };
  session.value = { state: "signed_in", client: { api, close: () => {} } as unknown as TapClient };
  await signOut();
  expect([session.value.state, notice.value !== null]).toEqual([state, told]);
});
