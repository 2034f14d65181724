import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tableOfReport } from "../../tools/reports.ts";

test("a report as a table has the files whose cases ran, in order of time", () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-reports-"));
  const result = (name: string, startTime: number, endTime: number, ...statuses: readonly string[]) => ({
    ...{ name: `/here/${name}.test.ts`, startTime, endTime },
    assertionResults: statuses.map((status) => ({ status })),
  });
  try {
    const testResults = [
      result("late", 5000, 17_250, "passed", "failed", "skipped"),
      result("early", 1000, 2000, "passed", "passed"),
      result("unasked", 0, 1, "skipped"),
    ];
    writeFileSync(join(folder, "e2e.json"), JSON.stringify({ testResults }));
    const table = tableOfReport(join(folder, "e2e.json")).map((line) => line.split(/ +/));
    expect(table).toEqual([
      ["file", "cases", "seconds"],
      ["early", "2/2", "1.0"],
      ["late", "1/2", "12.3"],
    ]);
    expect(tableOfReport(join(folder, "none.json"))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
