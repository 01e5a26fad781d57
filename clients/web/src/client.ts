/** The signed-in client, for any component below the shell. */

import type { TapClient } from "@tap/sdk";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const ClientContext = createContext<TapClient | null>(null);

export function useClient(): TapClient {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("used outside of a signed-in page");
  return client;
}
