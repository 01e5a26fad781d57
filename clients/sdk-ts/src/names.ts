/** Fetches the people and communities whose names are wanted and not known: people many in one request. */

import type { Api } from "./api.ts";
import type { Host } from "./host.ts";
import type { Store } from "./store.ts";
import type { CommunityView, PersonView } from "./views.ts";

const GATHER_MS = 30;
const IDS_PER_REQUEST_MAX = 50;

export class Names {
  readonly #host: Host;
  readonly #api: Api;
  readonly #store: Store;
  readonly #asked = new Set<string>();
  #wanted: string[] = [];

  constructor(host: Host, api: Api, store: Store) {
    this.#host = host;
    this.#api = api;
    this.#store = store;
  }

  /** Each person is asked for once; a node that does not know them is not asked again before a reset. */
  wantPerson(id: string): void {
    if (id === "" || this.#asked.has(id) || this.#store.get("people", id) !== undefined) return;
    this.askPerson(id);
  }

  /** Also one that is known: as it is now. */
  askPerson(id: string): void {
    this.#asked.add(id);
    this.#wanted.push(id);
    if (this.#wanted.length === 1) this.#host.after(GATHER_MS, () => void this.#fetch());
  }

  /** A community one does not belong to, but sees a post of. */
  wantCommunity(id: string): void {
    if (id === "" || this.#asked.has(`c:${id}`) || this.#store.get("communities", id) !== undefined) return;
    this.#asked.add(`c:${id}`);
    // After what is rendering now: an answer must not come in the middle of it.
    this.#host.after(0, () => void this.#fetchCommunity(id));
  }

  forget(): void {
    this.#asked.clear();
  }

  async #fetchCommunity(id: string): Promise<void> {
    try {
      const { community } = await this.#api.get<{ community: CommunityView }>(`/communities/${id}`);
      this.#store.put("communities", id, community);
    } catch {
      // Not for this person, or not reachable: the post is shown without the name of its place.
    }
  }

  async #fetch(): Promise<void> {
    const ids = this.#wanted.slice(0, IDS_PER_REQUEST_MAX);
    const rest = this.#wanted.slice(IDS_PER_REQUEST_MAX);
    this.#wanted = [];
    try {
      const { people } = await this.#api.get<{ people: PersonView[] }>("/people", { ids: ids.join(",") });
      for (const person of people) this.#store.put("people", person.id, person);
    } catch {
      for (const id of ids) this.#asked.delete(id);
    }
    for (const id of rest) this.askPerson(id);
  }
}
