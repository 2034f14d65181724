/**
 * The program of the thread that serves admission. A bundle has it as a text in place of this, since it is one file and a
 * thread that started from it would load all of the operator.
 */
export const admissionProgram: URL | string = new URL("./main.ts", import.meta.url);
