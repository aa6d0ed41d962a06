/**
 * Runs the fault suite: `npm run test:faults [-- options] [what vitest takes]`.
 *
 *   --seed N     what is sent and when things happen; 1 by default
 *   --seeds N    so many seeds, one after the other, from --seed on
 *   --kills N    nothing but so many kills under load (test/faults/16-many-kills.test.ts)
 *   --long       hours: outages as long as they are in production, 50 seeds, 200 kills of each
 */
import { spawnSync } from 'node:child_process';

const rest = [];
const options = { seed: 1, seeds: 1, kills: 0, long: false };
const given = process.argv.slice(2);
while (given.length > 0) {
  const word = given.shift();
  const name = word.replace(/^--/, '');
  if (word === '--long') options.long = true;
  else if (['--seed', '--seeds', '--kills'].includes(word)) options[name] = wholeNumber(word, given.shift());
  else rest.push(word);
}
if (options.long && options.seeds === 1) options.seeds = 50;
if (options.long && options.kills === 0) options.kills = 200;

function wholeNumber(name, text) {
  if (/^[1-9]\d{0,8}$/.test(text ?? '')) return Number(text);
  console.error(`${name} ${text ?? ''}: give a whole number from 1`);
  process.exit(2);
}

const onlyKills = options.kills > 0 && !options.long;
for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
  if (options.seeds > 1) console.log(`== seed ${seed}`);
  const env = {
    ...process.env,
    THROUGHLINE_FAULT_SEED: String(seed),
    ...(options.kills > 0 && { THROUGHLINE_FAULT_KILLS: String(options.kills) }),
    ...(options.long && { THROUGHLINE_FAULT_LONG: '1' }),
  };
  const files = onlyKills ? ['test/faults/16-many-kills.test.ts'] : [];
  const command = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.faults.config.ts', ...files, ...rest];
  const { status } = spawnSync(process.execPath, command, { env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
