/** What of a colleague's text may become an address, and the few entities Markdown writers use. */

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address if a click on it can only lead somewhere; our own ones without their origin; else null. */
export function safeAddress(href: string, origin: string): string | null {
  let url: URL;
  try {
    url = new URL(href, origin);
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol)) return null;
  return url.origin === origin ? url.pathname + url.search + url.hash : url.href;
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", hellip: "…", ndash: "–", mdash: "—", copy: "©" };

export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/giu, (whole, decimal: string, hex: string, name: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** A line of Markdown as a title shows it: without the marks, whatever they would have meant. */
export function unmarked(text: string): string {
  return decodeEntities(text.replaceAll(/[*`~]+|(?<=^|\s)(?:#{1,6}|>|[-+])\s|!?\[|\]\([^)]*\)?/gu, "")).replaceAll(/\s+/gu, " ").trim();
}
