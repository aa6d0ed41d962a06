/** node restricted-engine.mjs DIRECTORY < JSON {profile, grants, statements}: runs them as a user with these rights alone. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const chdb = createRequire(import.meta.url)('chdb');
const directory = process.argv[2];
const { profile, grants, statements } = JSON.parse(readFileSync(0, 'utf8'));

mkdirSync(directory, { recursive: true });
const queries = grants.map(grant => `<query>${grant}</query>`).join('');
writeFileSync(
  join(directory, 'users.xml'),
  `<clickhouse><profiles><default>${profile}</default></profiles><quotas><default/></quotas><users><default>
<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota><grants>${queries}</grants>
</default></users></clickhouse>`,
);
const config = join(directory, 'engine.xml');
writeFileSync(config, `<clickhouse><users_config>${join(directory, 'users.xml')}</users_config></clickhouse>`);

const session = new chdb.Session(join(directory, 'data'), { connectionArgs: [`--config-file=${config}`] });
const results = [];
for (const statement of statements) {
  try {
    const result = await session.queryAsync(statement, { format: 'TSV' });
    results.push(Buffer.from(result.bytes()).toString('utf8').trim());
  } catch (error) {
    results.push(`${error.message}`);
  }
}
await chdb.drainPending();
process.stdout.write(`\n${JSON.stringify(results)}`);
session.close();
process.exit(0);
