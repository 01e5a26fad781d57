import { defineConfig } from "vitest/config";

// The component tests need the same JSX as the build; the rest are plain modules.
export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    include: ["sdk-ts/test/**/*.test.ts", "web/test/**/*.test.{ts,tsx}"],
    // Order must not matter; the seed is printed, and --sequence.seed replays it.
    sequence: { shuffle: true },
  },
});
