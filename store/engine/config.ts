/** The engine's configuration: files that chDB reads when a Session opens. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HIDDEN_TABLES, PUBLIC_TABLES, PUBLIC_VIEWS_WITH_PARAMETERS } from '../../schemas/index.js';

export interface EngineSetup {
  readonly database: string;
  /** Of the whole engine, bytes. */
  readonly maxMemoryBytes: number;
  /** Of one query. */
  readonly threads: number;
}

/** Whatever is inserted is on disk when the insert is acknowledged. The default cache of marks would be 5 GiB. */
function serverConfig({ maxMemoryBytes }: EngineSetup, usersFile: string): string {
  return `<clickhouse>
  <users_config>${escapeXml(usersFile)}</users_config>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
  <max_server_memory_usage>${maxMemoryBytes}</max_server_memory_usage>
  <mark_cache_size>${Math.floor(maxMemoryBytes / 16)}</mark_cache_size>
</clickhouse>
`;
}

/** What a query may take on with `role=`: to read what is public, and nothing else (docs/security.md). */
export const SQL_ROLE = 'throughline_sql';
const OWNER_ROLE = 'throughline_owner';

function sqlGrants(database: string): string {
  const tables = [...PUBLIC_TABLES, ...PUBLIC_VIEWS_WITH_PARAMETERS, ...HIDDEN_TABLES];
  return tables.map(table => `<query>GRANT SELECT ON ${database}.${table}</query>`).join('');
}

/**
 * A server's defaults where chDB has others; and the one user, who may do everything with tables and nothing with the
 * machine's files, other servers or programs: nearly every such function and table engine asks for a privilege that the
 * user does not have (statement.ts sees to the others). All rights come with roles, so that a query can do with fewer.
 */
function usersConfig({ maxMemoryBytes, threads, database }: EngineSetup): string {
  return `<clickhouse>
  <profiles>
    <default>
      <implicit_select>0</implicit_select>
      <allow_introspection_functions>0</allow_introspection_functions>
      <async_insert>0</async_insert>
      <max_threads>${threads}</max_threads>
      <max_memory_usage>${Math.floor(maxMemoryBytes * 0.75)}</max_memory_usage>
    </default>
  </profiles>
  <quotas><default/></quotas>
  <roles>
    <${OWNER_ROLE}>
      <grants>
        <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, KILL QUERY, SYSTEM MERGES, SYSTEM FLUSH, CHECK ON *.*</query>
      </grants>
    </${OWNER_ROLE}>
    <${SQL_ROLE}><grants>${sqlGrants(database)}</grants></${SQL_ROLE}>
  </roles>
  <users>
    <default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT ${OWNER_ROLE}</query><query>GRANT ${SQL_ROLE}</query></grants>
    </default>
  </users>
</clickhouse>
`;
}

/** Writes the files into `directory`; the path of the one to open Sessions with. */
export function writeConfig(directory: string, setup: EngineSetup): string {
  mkdirSync(directory, { recursive: true });
  const usersFile = join(directory, 'users.xml');
  const serverFile = join(directory, 'engine.xml');
  writeFileSync(usersFile, usersConfig(setup));
  writeFileSync(serverFile, serverConfig(setup, usersFile));
  return serverFile;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
