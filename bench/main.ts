/**
 * `npm run bench`: spans per CPU-second of each stage of the hot path, then of the whole pipe, then how long questions
 * about SLOs take. `-- stages`, `-- pipe` or `-- slo` runs one of them, `-- pipe 10` the pipe with ten rounds of the data,
 * `-- blame 5` who spent a budget, over 5 million traces (50 unless given).
 */
import { cpus } from 'node:os';
import { benchBlame } from './blame.js';
import { loadData } from './data.js';
import { benchPipe } from './pipe.js';
import { benchSlo } from './slo.js';
import { benchStages } from './stages.js';

const [what = 'all', rounds = '3'] = process.argv.slice(2);
console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0].model}`);
if (what !== 'slo' && what !== 'blame') await benchSpans();
if (what === 'all' || what === 'slo') await benchSlo();
if (what === 'blame') await benchBlame(rounds === '3' ? undefined : Number(rounds));

async function benchSpans(): Promise<void> {
  const data = loadData();
  console.log(
    `${data.name}: ${data.spans} spans in ${data.bodies.length} requests, ${Math.round(data.bytes / data.spans)} protobuf bytes a span`,
  );
  if (what === 'all' || what === 'stages') await benchStages(data);
  if (what === 'all' || what === 'pipe') await benchPipe(data, Number(rounds));
}
