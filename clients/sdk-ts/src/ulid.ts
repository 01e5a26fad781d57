/** Client keys: ULIDs in lower case (github.com/ulid/spec), rising even within one millisecond. */

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 10;
const RANDOM_CHARS = 16;

export function ulidMaker(now: () => number, random: () => number): () => string {
  let last = 0;
  let tail: number[] = [];
  return () => {
    const at = Math.max(now(), last);
    tail = at === last && tail.length > 0 ? following(tail) : Array.from({ length: RANDOM_CHARS }, () => Math.floor(random() * 32));
    last = at;
    return timePart(at) + tail.map((digit) => ALPHABET[digit]).join("");
  };
}

function timePart(at: number): string {
  let text = "";
  for (let rest = at, index = 0; index < TIME_CHARS; index += 1) {
    text = (ALPHABET[rest % 32] ?? "0") + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The next number in base 32; an overflow starts over, which a machine needs 2^80 keys in one millisecond for. */
function following(digits: readonly number[]): number[] {
  const next = [...digits];
  for (let index = next.length - 1; index >= 0; index -= 1) {
    next[index] = ((next[index] ?? 0) + 1) % 32;
    if (next[index] !== 0) break;
  }
  return next;
}
