import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createVitest } from "vitest/node";
import { createReporter, readReports, tableOfReport } from "../../tools/reports.ts";

const first = `
import { beforeAll, describe, expect, test } from "vitest";
describe("a group", () => {
  beforeAll(() => { throw new Error("its hook fails"); });
  test("that does not run", () => {});
});
test("one passes", () => {});
test("one fails", () => { expect(1, "as it says").toBe(2); });
test.skip("one is not asked for", () => {});
`;
const second = `import { test } from "vitest";\nthrow new Error("it does not load");\n`;
const third = `import { test } from "vitest";\ntest.skip("nothing", () => {});\n`;

test("a report counts what passed, and names all that failed: tests, hooks and files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-reports-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries({ first, second, third }))
    writeFileSync(join(folder, `${name}.test.ts`), text);
  const quiet = { watch: false, config: false as const, reporters: [createReporter(folder)] };
  const vitest = await createVitest("test", { ...quiet, root: folder, name: "some" });
  onTestFinished(() => vitest.close());
  await vitest.start();
  const [report] = readReports(folder);
  expect(report?.passed).toBe(1);
  expect(report?.failures.toSorted((a, b) => a.where.localeCompare(b.where))).toEqual([
    { where: "first.test.ts > a group", message: "its hook fails" },
    {
      where: "first.test.ts > one fails",
      message: expect.stringMatching(/^as it says: expected 1 to be 2.*- 2\n\+ 1$/s),
    },
    { where: "second.test.ts", message: "it does not load" },
  ]);
  const table = tableOfReport(folder, "some").map((line) => line.split(/ +/).slice(0, 2));
  expect(table).toEqual([
    ["file", "cases"],
    ["first", "1/2"],
  ]);
  expect(tableOfReport(folder, "none")).toEqual([]);
});
