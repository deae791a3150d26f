import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the page itself and passes everything else to a running ems-cloud.
const cloud = process.env["EMS_CLOUD"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // A data: URI would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    // Every browser this target admits preloads modules by itself.
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: {
      "/api": { target: cloud },
      "/ws": { target: cloud, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/patience.ts"],
    testTimeout: 30_000,
    restoreMocks: true,
  },
});
