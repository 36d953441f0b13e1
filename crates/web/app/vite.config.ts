import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { precompress } from "./build/precompress.ts";

/** The Herdbook that `npm run dev` works against. */
const server = process.env["HERDBOOK_URL"] ?? "http://127.0.0.1:5757";

const proxy = Object.fromEntries(
  ["^/herdbook\\.", "^/files/", "^/session(/|$)", "^/healthz$"].map((path) => [path, { target: server }]),
);

export default defineConfig({
  plugins: [react(), precompress()],
  build: {
    target: "es2023",
    // No asset inside a script or a style sheet: the policy of the page forbids `data:` for both.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // The reference is in docs/.
  server: { proxy, fs: { allow: ["../../.."] } },
  preview: { proxy },
});
