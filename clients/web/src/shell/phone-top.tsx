/** The phone's top line: the name, the connection, the account. */

import { t } from "../strings.ts";
import { Icon } from "../ui/icon.tsx";
import { Account } from "./rail.tsx";
import { Status } from "./status.tsx";

export function PhoneTop() {
  return (
    <header class="phone-top">
      <a class="wordmark" href="/">{t.product}</a>
      <Status />
      <a class="icon-button" href="/people#people-search" aria-label={t.people}><Icon name="search" /></a>
      <Account />
    </header>
  );
}
