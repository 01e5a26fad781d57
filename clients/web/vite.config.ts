import { defineConfig } from "vite";

// Where `npm run dev` finds a node; `make run` prints the addresses of its own.
const node = process.env["TAP_URL"] ?? "http://127.0.0.1:8420";

export default defineConfig({
  // tsconfig.json says the same to the type checker.
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // Every asset is a file of its own name: the content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    // Its polyfill is an inline script, which the same policy forbids; all browsers we name have it.
    modulePreload: { polyfill: false },
    // A report from the field names a line of ours, not a column of a bundle.
    sourcemap: true,
  },
  server: {
    // changeOrigin off: the node compares Origin with Host, and sees what a browser really sends.
    proxy: { "/api": { target: node, ws: true, changeOrigin: false } },
  },
});
