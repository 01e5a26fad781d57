import { type EventFrame, type PersonView, type Snapshot, Store, UNDECIDED } from "@tap/sdk";
import { expect, test } from "vitest";

import { fetchPerson } from "../src/pages/person-data.ts";

const asha: PersonView = {
  id: "asha", home: "in", name: "Asha Rao", title: "", unit: "", country: "IN", about: "", skills: ["tea"], locale: "en", timezone: "UTC", bot: false,
  active: true, roles: [],
};

test("a profile that changed while it was fetched is the changed one", async () => {
  const store = new Store(() => {});
  const snapshot: Snapshot = {
    cursor: "1a.10", server_time: 0, region: "in", me: asha, communities: {}, memberships: {}, conversations: {}, choice: UNDECIDED, posts: {}, order: [],
    polls: {}, people: {}, mine: { reactions: {}, ballots: {}, follows: [], acknowledged: [], read: {} },
  };
  store.replace(snapshot);
  const body = { person: "asha", rev: 2, name: "Asha Rao", skills: ["tea", "colour"] };
  const changed: EventFrame = { t: "event", position: 12, id: "in:1a:local:12", type: "person.profile_changed", at: 0, by: "asha", body };
  const api = {
    get: async () => {
      store.apply(changed);
      return { cursor: "1a.11", person: asha };
    },
  };
  await fetchPerson({ api: api as never, store }, "asha");
  expect(store.get("people", "asha")?.skills).toEqual(["tea", "colour"]);
});
