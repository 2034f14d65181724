import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    // Two cores: more workers than that only wait for each other.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "test/unit/**/*.test.ts",
            "test/golden/**/*.test.ts",
            "test/envoy/**/*.test.ts",
            "test/xds/**/*.test.ts",
          ],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "apiserver",
          include: ["test/apiserver/**/*.test.ts"],
          globalSetup: ["test/support/global-setup-api-server.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "dataplane",
          include: ["test/node/**/*.test.ts", "test/dataplane/**/*.test.ts"],
          // Each file starts a cluster of its own and changes the network of the outer namespace.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
