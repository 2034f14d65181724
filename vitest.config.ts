import { defineConfig } from "vitest/config";
import { createReporter, reportsFolder } from "./tools/reports.ts";

const reports = reportsFolder();

/** No module keeps anything, so the files of a worker share them: that halves the work of loading them. */
const isolate = false;

/** All files share one mesh, in one process. */
const oneMesh = { fileParallelism: false, testTimeout: 120_000, hookTimeout: 180_000 };

/** All files share one cluster, in one process. */
const endToEnd = {
  isolate,
  fileParallelism: false,
  // The scenes' report is to be read as it is.
  disableConsoleIntercept: true,
  testTimeout: 300_000,
  hookTimeout: 300_000,
};

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    reporters: ["default", ...(reports === undefined ? [] : [createReporter(reports)])],
    // More than the two cores of the machine that counts: the longest files mostly wait for what other programs do.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "unit",
          isolate,
          include: [
            "test/unit/**/*.test.ts",
            "test/golden/**/*.test.ts",
            "test/chart/**/*.test.ts",
            "test/envoy/**/*.test.ts",
            "test/xds/**/*.test.ts",
            "test/redirect/**/*.test.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "apiserver",
          isolate,
          include: ["test/apiserver/**/*.test.ts"],
          globalSetup: ["test/support/global-setup-api-server.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      // The next three change the network that they run in, so no two of them may share one.
      {
        test: {
          name: "node",
          isolate,
          include: ["test/node/**/*.test.ts"],
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "dataplane",
          isolate,
          include: ["test/dataplane/*.test.ts"],
          sequence: { groupOrder: 2 },
          ...oneMesh,
        },
      },
      // What happens to a mesh while its operator, its network and its identities come and go.
      {
        test: {
          name: "dataplane-operator",
          isolate,
          include: ["test/dataplane/operator/*.test.ts"],
          sequence: { groupOrder: 3 },
          ...oneMesh,
        },
      },
      // On a kind cluster, which `make e2e` makes.
      { test: { ...endToEnd, name: "e2e", include: ["test/e2e/*.test.ts"] } },
      // After all of them: what was asked for in the whole run, and the end of the mesh.
      { test: { ...endToEnd, name: "e2e-last", include: ["test/e2e/last/*.test.ts"] } },
      // On a cluster of its own, which `make e2e-gitops` makes.
      { test: { ...endToEnd, name: "e2e-gitops", include: ["test/e2e/gitops/*.test.ts"] } },
    ],
  },
});
