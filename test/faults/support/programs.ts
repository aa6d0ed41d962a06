/** Programs of this suite that run under plain node: compiled by global-setup.ts into an ignored folder. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const FOLDER = resolve('test/faults/.programs');

export function programPath(name: 'generator' | 'crash-hook' | 'clock-hook'): string {
  const path = `${FOLDER}/test/faults/programs/${name}.js`;
  if (!existsSync(path)) throw new Error(`${path} is missing: compile it with tsc -p tsconfig.faults.json`);
  return path;
}
