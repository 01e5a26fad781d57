import { useCallback, useLayoutEffect, useRef } from "preact/hooks";

/** A function that stays the same and does what its latest form does: for effects which must not run again for it. */
export function useEvent<A extends unknown[], R>(work: (...given: A) => R): (...given: A) => R {
  const latest = useRef(work);
  useLayoutEffect(() => { latest.current = work; });
  return useCallback((...given: A) => latest.current(...given), []);
}
