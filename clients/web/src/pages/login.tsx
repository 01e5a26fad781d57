import { ApiError } from "@tap/sdk";
import { useEffect, useRef, useState } from "preact/hooks";

import { signIn } from "../session.ts";
import { t } from "../strings.ts";

/** ``moved``: this browser's person is at home in another region by now. */
export function LoginPage({ moved }: { moved: ApiError | null }) {
  const [person, setPerson] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(moved?.message ?? "");
  const [elsewhere, setElsewhere] = useState(moved?.url ?? null);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${t.signIn} · ${t.product}`;
    first.current?.focus();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    setElsewhere(null);
    try {
      await signIn(person.trim().toLowerCase(), password);
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : t.somethingWrong);
      setElsewhere(error instanceof ApiError ? error.url : null);
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <h1 class="wordmark">{t.product}</h1>
        <p class="meta">{t.signInIntro}</p>
        <label>
          {t.personName}
          <input ref={first} type="text" name="person" autocomplete="username" autocapitalize="none" spellcheck={false} required value={person} onInput={(event) => setPerson(event.currentTarget.value)} />
        </label>
        <label>
          {t.password}
          <input type="password" name="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        <p class="failed" role="alert">{problem}</p>
        {elsewhere !== null && <a class="button wide" href={elsewhere}>{t.goThere}</a>}
        <button type="submit" class="button wide">{busy ? t.signingIn : t.signIn}</button>
      </form>
    </main>
  );
}
