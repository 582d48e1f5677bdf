/**
 * Cells for spreadsheets. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and texts of the history can
 * come from anybody who may connect to a watched server. Pure.
 */

/** The first characters of a formula, in ASCII and full width, and white space that a spreadsheet skips before one. */
const FORMULA = /^[=+\-@＝＋－＠\t\r\n]/;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?( ?%)?$/;

/** The text with a leading apostrophe if a spreadsheet could run it. Numbers stay numbers. */
export function safeCell(text: string): string {
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}
