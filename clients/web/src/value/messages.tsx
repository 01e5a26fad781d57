/** Conversations of a few: those one has, and one of them with a place to write on. */

import type { ConversationView } from "@tap/sdk";
import { useMemo, useState } from "preact/hooks";

import { act, announceSending } from "../act.ts";
import { useClient } from "../client.ts";
import { type Again, againKeys, useDraft } from "../compose/draft.ts";
import { Textbox } from "../compose/textbox.tsx";
import { FeedList } from "../feed/feed.tsx";
import type { FeedSource } from "../feed/model.ts";
import { Page } from "../pages/page.tsx";
import { t } from "../strings.ts";
import { mentionedIn } from "../text/mentions.ts";
import { Loaded, useLoad } from "../ui/load.tsx";
import { PersonAvatar } from "../ui/person.tsx";
import { Refusal } from "../ui/sending.tsx";
import { Time } from "../ui/time.tsx";
import { v } from "./words.ts";

export function MessagesPage() {
  const client = useClient();
  const found = useLoad("conversations", () => client.api.get<{ conversations: ConversationView[] }>("/conversations"));
  return (
    <Page title={t.messages}>
      <Loaded from={found}>
        {({ conversations }) => conversations.length === 0
          ? <p class="empty">{v.noMessages}</p>
          : <ul class="rows">{conversations.map((one) => <li key={one.id} class="person-row"><Row conversation={one} /></li>)}</ul>}
      </Loaded>
    </Page>
  );
}

function useTitle(conversation: ConversationView | undefined): { title: string; others: string[] } {
  const { view } = useClient();
  const others = (conversation?.members ?? []).map(({ person }) => person).filter((person) => person !== view.me);
  const names = others.map((person) => view.person(person).value?.name ?? person);
  return { title: conversation?.title || v.conversationWith(names), others };
}

function Row({ conversation }: { conversation: ConversationView }) {
  const { title, others } = useTitle(conversation);
  return (
    <>
      <PersonAvatar id={others[0] ?? ""} />
      <div class="grow"><a class="strong" href={`/d/${conversation.id}`} dir="auto">{title}</a><p class="meta"><Time at={conversation.at} /></p></div>
    </>
  );
}

export function ConversationPage({ id }: { id: string }) {
  const { store } = useClient();
  const { title } = useTitle(store.entity("conversations", id).value);
  const source = useMemo<FeedSource>(() => ({
    key: `conversation:${id}`, path: `/conversations/${id}/posts`, query: { limit: "30" }, accepts: (post) => post.place === `d:${id}`, channel: `d:${id}`,
  }), [id]);
  return (
    <Page title={title}>
      <Write id={id} />
      <FeedList source={source} label={title} empty={v.noMessages} showPlace={false} pendingIn={`d:${id}`} />
    </Page>
  );
}

export function Write({ id, again }: { id: string; again?: Again<string> }) {
  const client = useClient();
  const { value: text, set: setText } = useDraft(again === undefined ? `message:${id}` : againKeys(again.key).words, again?.was ?? "");
  const [refusal, setRefusal] = useState(again?.refusal ?? "");
  const send = (event: Event): void => {
    event.preventDefault();
    const message = text.trim();
    const full = client.outbox.full?.message ?? "";
    setRefusal(full);
    if (message === "" || full !== "") return;
    again?.settle();
    void act(client, { do: "post.publish", place: `d:${id}`, kind: "message", text: message, mentions: mentionedIn(message) });
    announceSending(client);
    if (again === undefined) setText("");
  };
  return (
    <form class="composer open" aria-label={again === undefined ? v.writeMessage : t.changeRefused} onSubmit={send}>
      <PersonAvatar id={client.view.me} />
      <div class="stack grow">
        <Textbox value={text} onInput={setText} rows={2} label={v.writeMessage} submit={send} autofocus={again !== undefined} />
        <Refusal text={refusal} />
        <div class="buttons">
          {again !== undefined && <button type="button" class="button quiet" onClick={again.close}>{t.cancel}</button>}
          <button type="submit" class="button" disabled={text.trim() === ""}>{v.send}</button>
        </div>
      </div>
    </form>
  );
}
