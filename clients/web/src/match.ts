/** The parameters of ``/c/:id`` in a path, or null when it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wantedParts = pattern.split("/");
  const parts = path.split("/");
  if (wantedParts.length !== parts.length) return null;
  const found: Record<string, string> = {};
  for (const [index, want] of wantedParts.entries()) {
    const part = parts[index] ?? "";
    if (want.startsWith(":") && part !== "") {
      const name = decoded(part);
      if (name === null) return null;
      found[want.slice(1)] = name;
    } else if (want !== part) return null;
  }
  return found;
}

/** Null for what nobody encoded, such as ``%`` alone: a mistyped address is one that leads nowhere. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
