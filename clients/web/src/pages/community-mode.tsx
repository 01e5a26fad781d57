import type { CommunityMode, CommunityView } from "@tap/sdk";

import { act } from "../act.ts";
import { useClient } from "../client.ts";
import { t } from "../strings.ts";

/** What a community makes of contributions; its owner may change it. */
export function ModeFact({ community, own }: { community: CommunityView; own: boolean }) {
  const client = useClient();
  const { id, name, about, visibility, archived, mode } = community;
  const choose = (chosen: CommunityMode): void =>
    void act(client, { do: "community.change", community: id, name, about, visibility, archived, mode: chosen });
  return (
    <div>
      <dt>{t.mode}</dt>
      <dd title={t.modeHints[mode]}>
        {own
          ? (
            <select class="small" aria-label={t.mode} value={mode} onChange={(event) => choose(event.currentTarget.value as CommunityMode)}>
              {Object.entries(t.modes).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </select>
          )
          : t.modes[mode]}
      </dd>
    </div>
  );
}
