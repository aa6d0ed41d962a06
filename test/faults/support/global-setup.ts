/** Compiles the suite's own programs (generator, hooks) before the first test. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export default async function setup(): Promise<void> {
  await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.faults.json']).catch(
    error => {
      throw new Error(`tsc -p tsconfig.faults.json: ${error.stdout}`);
    },
  );
}
