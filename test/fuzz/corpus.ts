/** What once failed, kept: a file per case with the body as it was sent. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FuzzCase } from './case.js';

interface CorpusFile extends Omit<FuzzCase, 'body'> {
  /** What was wrong. */
  readonly problem: string;
  readonly bodyBase64: string;
}

export function writeToCorpus(directory: string, fuzzCase: FuzzCase, problem: string): string {
  const { body, ...rest } = fuzzCase;
  const file: CorpusFile = { ...rest, problem, bodyBase64: body.toString('base64') };
  const path = join(directory, `${fuzzCase.seed}-${fuzzCase.index}.json`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
  return path;
}

export function readCorpus(directory: string): { readonly name: string; readonly fuzzCase: FuzzCase }[] {
  return readdirSync(directory)
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => {
      const { bodyBase64, ...rest } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as CorpusFile;
      return { name, fuzzCase: { ...rest, body: Buffer.from(bodyBase64, 'base64') } };
    });
}
