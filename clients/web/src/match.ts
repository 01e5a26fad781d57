/** The parameters of ``/c/:id`` in a path, or null when it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wantedParts = pattern.split("/");
  const parts = path.split("/");
  if (wantedParts.length !== parts.length) return null;
  const found: Record<string, string> = {};
  for (const [index, want] of wantedParts.entries()) {
    const part = parts[index] ?? "";
    if (want.startsWith(":") && part !== "") found[want.slice(1)] = decodeURIComponent(part);
    else if (want !== part) return null;
  }
  return found;
}
