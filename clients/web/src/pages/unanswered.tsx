import type { Bundle } from "@tap/sdk";

import { useClient } from "../client.ts";
import { t } from "../strings.ts";
import { unmarked } from "../text/safe.ts";
import { useLoad } from "../ui/load.tsx";
import { Time } from "../ui/time.tsx";

const SHOWN = 5;

/** The newest questions nobody has answered; one that gets its answer while it is shown leaves. */
export function UnansweredList() {
  const client = useClient();
  const { data } = useLoad("unanswered-few", () => client.load<Bundle>("/feed", { view: "unanswered", limit: SHOWN }));
  const open = (data?.order ?? []).filter((id) => !client.view.post(id).value?.accepted).slice(0, SHOWN);
  if (open.length === 0) return null;
  return (
    <section class="side-section">
      <h2>{t.unanswered}</h2>
      <ul class="side-list">{open.map((id) => <Question key={id} id={id} />)}</ul>
    </section>
  );
}

function Question({ id }: { id: string }) {
  const post = useClient().view.post(id).value;
  if (post === undefined || post.deleted) return null;
  return (
    <li>
      <a href={`/t/${id}`} dir="auto">{post.title || unmarked(post.text.slice(0, 80))}</a>
      <span class="meta"><Time at={post.at} /></span>
    </li>
  );
}
