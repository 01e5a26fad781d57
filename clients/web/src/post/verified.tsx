import type { Post } from "@tap/sdk";

import { useClient } from "../client.ts";
import { names } from "../format.ts";
import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";

/** A steward checked it and found it right; who did stands beside it. */
export function VerifiedMark({ post }: { post: Post }) {
  const { view } = useClient();
  if (post.verified_by.length === 0) return null;
  const stewards = names(post.verified_by.map((id) => view.person(id).value?.name ?? id));
  return (
    <p class="verified">
      <Icon name="verified" /> <span>{t.verifiedBy(stewards)}</span>
    </p>
  );
}
