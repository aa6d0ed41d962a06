/** Text as SQL: for values that there may be more of than a statement can have parameters. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
