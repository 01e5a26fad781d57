/** The frame around every page, and which page an address means. */

import type { TapClient } from "@tap/sdk";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { ClientContext } from "./client.ts";
import { match } from "./match.ts";
import { CommunitiesPage } from "./pages/communities.tsx";
import { CommunityPage } from "./pages/community.tsx";
import { ErasurePage } from "./pages/erasure.tsx";
import { ErasuresPage } from "./pages/erasures.tsx";
import { HomePage } from "./pages/home.tsx";
import { LoginPage } from "./pages/login.tsx";
import { MissingPage } from "./pages/missing.tsx";
import { PeoplePage } from "./pages/people.tsx";
import { PersonPage } from "./pages/person.tsx";
import { ThreadPageView } from "./pages/thread.tsx";
import { place } from "./router.ts";
import { session, start } from "./session.ts";
import { BottomBar } from "./shell/bottom-bar.tsx";
import { Help } from "./shell/help.tsx";
import { PhoneTop } from "./shell/phone-top.tsx";
import { Rail } from "./shell/rail.tsx";
import { t } from "./strings.ts";
import { Waiting } from "./ui/load.tsx";
import { focusPage } from "./ui/focus.ts";
import { lazy } from "./ui/lazy.tsx";
import { Notices, tell } from "./ui/notice.tsx";

const ReportsPage = lazy<{ id: string }>(async () => (await import("./pages/reports.tsx")).ReportsPage);
const KnowsPage = lazy(async () => (await import("./value/knows.tsx")).KnowsPage);
const CasePage = lazy<{ id: string }>(async () => (await import("./value/cases.tsx")).CasePage);
const CasesPage = lazy(async () => (await import("./value/cases.tsx")).CasesPage);
const BoardPage = lazy<{ id: string }>(async () => (await import("./value/board.tsx")).BoardPage);
const LeaderPage = lazy(async () => (await import("./value/leader.tsx")).LeaderPage);
const NomineesPage = lazy(async () => (await import("./value/nominees.tsx")).NomineesPage);
const RulesPage = lazy(async () => (await import("./value/rules.tsx")).RulesPage);
const ShownPage = lazy(async () => (await import("./value/shown.tsx")).ShownPage);
const MessagesPage = lazy(async () => (await import("./value/messages.tsx")).MessagesPage);
const ConversationPage = lazy<{ id: string }>(async () => (await import("./value/messages.tsx")).ConversationPage);
const ImpactPage = lazy(async () => (await import("./value/impact.tsx")).ImpactPage);

const ROUTES: [string, (parts: Record<string, string>) => JSX.Element | null][] = [
  ["/", () => <HomePage />],
  ["/communities", () => <CommunitiesPage />],
  ["/c/:id", ({ id = "" }) => <CommunityPage key={id} id={id} />],
  ["/c/:id/board", ({ id = "" }) => <BoardPage key={id} id={id} />],
  ["/c/:id/reports", ({ id = "" }) => <ReportsPage key={id} id={id} />],
  ["/t/:id", ({ id = "" }) => <ThreadPageView key={id} id={id} />],
  ["/people", () => <PeoplePage />],
  ["/people/knows", () => <KnowsPage />],
  ["/p/:id", ({ id = "" }) => <PersonPage key={id} id={id} />],
  ["/impact", () => <ImpactPage />],
  ["/leader", () => <LeaderPage />],
  ["/recognition", () => <NomineesPage />],
  ["/cases", () => <CasesPage />],
  ["/cases/:id", ({ id = "" }) => <CasePage key={id} id={id} />],
  ["/shown", () => <ShownPage />],
  ["/rules", () => <RulesPage />],
  ["/messages", () => <MessagesPage />],
  ["/d/:id", ({ id = "" }) => <ConversationPage key={id} id={id} />],
  ["/erasures", () => <ErasuresPage />],
  ["/erasures/:id", ({ id = "" }) => <ErasurePage key={id} id={id} />],
];

function pageOf(path: string): JSX.Element | null {
  for (const [pattern, page] of ROUTES) {
    const parts = match(pattern, path);
    if (parts !== null) return page(parts);
  }
  return <MissingPage />;
}

export function App() {
  const now = session.value;
  switch (now.state) {
    case "starting":
      return <main class="login"><Waiting /></main>;
    case "signed_out":
      return <LoginPage moved={now.moved ?? null} />;
    case "failed":
      return (
        <main class="login">
          <div class="stack">
            <h1 class="wordmark">{t.product}</h1>
            <p role="alert">{now.message}</p>
            <button type="button" class="button" onClick={() => void start()}>{t.retry}</button>
          </div>
        </main>
      );
    case "signed_in":
      return <Shell client={now.client} />;
  }
}

/** Both sides of a case hear of it wherever they are; what it is about stands on its page alone. */
function useCaseNews(client: TapClient): void {
  const told = client.store.caseTold.value;
  useEffect(() => {
    if (told !== null) tell(t.caseTold[told.state]);
  }, [told]);
}

function Shell({ client }: { client: TapClient }) {
  useFocusOnNavigation();
  useCaseNews(client);
  return (
    <ClientContext.Provider value={client}>
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); document.getElementById("content")?.focus(); }}>{t.skipToContent}</a>
      <div class="shell">
        <Rail />
        <PhoneTop />
        {pageOf(place.value.path)}
        <BottomBar />
      </div>
      <Notices />
      <Help />
    </ClientContext.Provider>
  );
}

/**
 * A new page takes the focus to what its address names, else to its heading. The first one leaves it alone, and one that
 * is gone back to has led it to where it was.
 */
function useFocusOnNavigation(): void {
  const { path, hash, visit } = place.value;
  const again = hash === "" ? 0 : visit;
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const back = hash === "" && document.activeElement?.closest("[data-item]") != null;
    if (!back) focusPage(hash);
  }, [path, hash, again]);
}
