/**
 * chDB gives queries ids of its own. Ours stands as a comment before the text, by which a query may be found, and killed:
 * that costs nothing, where a setting would cost a statement.
 */

/** Of any text, also one that would end the comment. */
export function markedWith(queryId: string, sql: string): string {
  return `/*${Buffer.from(queryId, 'utf8').toString('hex')}*/ ${sql}`;
}

/** The id of a row of `system.processes`. */
export const QUERY_ID = "unhex(extract(query, '^/[*]([0-9a-f]*)[*]/'))";
