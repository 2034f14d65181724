/** What the demo prints: a block per scene while it runs, and a table at the end. */

/** One expectation and what was measured. */
export interface Check {
  readonly scene: string;
  readonly expected: string;
  readonly measured: string;
  readonly holds: boolean;
}

/** Collects checks and prints them as they come. */
export class Report {
  readonly #checks: Check[] = [];
  #scene = "";

  /** Begins the next scene. */
  scene(title: string): void {
    this.#scene = String(Number(this.#scene) + 1);
    console.log(`\n=== Scene ${this.#scene}: ${title}`);
  }

  /** What was done, such as a kubectl command. */
  did(what: string): void {
    console.log(`  $ ${what}`);
  }

  /** A line of context. */
  note(text: string): void {
    console.log(`    ${text}`);
  }

  /** One expectation. */
  check(expected: string, measured: string, holds: boolean): void {
    this.#checks.push({ scene: this.#scene, expected, measured, holds });
    console.log(`  ${holds ? "ok  " : "FAIL"} expected: ${expected}\n       measured: ${measured}`);
  }

  /** What did not hold so far. */
  get failed(): readonly Check[] {
    return this.#checks.filter((check) => !check.holds);
  }

  /** How many expectations there were so far. */
  get size(): number {
    return this.#checks.length;
  }

  /** Prints the table; true if every check holds. */
  finish(): boolean {
    const rows = this.#checks.map(({ scene, expected, measured, holds }) => [
      scene,
      expected,
      measured,
      holds ? "ok" : "FAIL",
    ]);
    const header = ["scene", "expected", "measured", ""];
    const bound = 74;
    const cut = (text: string): string => (text.length > bound ? `${text.slice(0, bound - 1)}…` : text);
    const widths = header.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => cut(row[column] ?? "").length)),
    );
    const line = (row: readonly string[]): string =>
      row
        .map((cell, column) => cut(cell).padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd();
    console.log(`\n${line(header)}\n${widths.map((width) => "-".repeat(width)).join("  ")}`);
    for (const row of rows) console.log(line(row));
    const failed = this.failed.length;
    console.log(`\n${this.size - failed} of ${this.size} expectations hold.`);
    return failed === 0;
  }
}
