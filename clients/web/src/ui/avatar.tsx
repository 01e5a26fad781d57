/** A face made of initials and a hue which stays a person's own. No picture is fetched, no upload needed. */

/** FNV-1a: the same id gives the same hue on every machine. */
export function hueOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const char of id) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash % 360;
}

/** First letters of the first and last word, in whatever script the name is written. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = [...(words[0] ?? "")].find((char) => /[\p{L}\p{N}]/u.test(char)) ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")].find((char) => /[\p{L}\p{N}]/u.test(char)) ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

export function Avatar({ id, name, size = "m" }: { id: string; name: string; size?: "s" | "m" | "l" }) {
  return (
    <span class={`avatar avatar-${size}`} style={{ "--hue": String(hueOf(id)) }} aria-hidden="true">
      {initialsOf(name)}
    </span>
  );
}
