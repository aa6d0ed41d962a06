/** `throughline doctor`: asks a running system how it is, and says in words what is wrong. */
import { type Config, isLoopback } from '../schemas/index.js';
import { urlOf } from './addresses.js';
import { ApiConnection } from './api-connection.js';
import { examine, type Finding } from './doctor-checks.js';
import { observe } from './doctor-observe.js';

export interface DoctorOptions {
  readonly api?: string;
  readonly token?: string;
  readonly seconds: number;
  readonly json: boolean;
}

/** 0: well; 1: something is wrong; 2: it, or part of it, could not be asked. */
export async function runDoctor(config: Config, options: DoctorOptions): Promise<0 | 1 | 2> {
  const { host, port, tls } = config.analytics;
  const url = options.api ?? urlOf(host, port, tls !== undefined);
  const isHere = isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
  let findings: Finding[];
  let notAsked: readonly string[];
  try {
    const api = new ApiConnection(url, config.client, options.token ?? config.client.token, PATIENCE_MS);
    const seen = await observe(api, isHere ? config.dataDir : undefined, options.seconds * 1_000);
    findings = examine(seen);
    notAsked = seen.notAsked;
  } catch (error) {
    findings = [];
    notAsked = [`${url} does not answer: ${reasonOf(error)}`];
  }
  const isWrong = findings.some(({ isWell }) => !isWell);
  const code = isWrong ? 1 : notAsked.length > 0 ? 2 : 0;
  const report = { well: code === 0, findings, not_asked: notAsked };
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : textOf(findings, notAsked, code));
  return code;
}

/** For one answer of a system that may not be well. */
const PATIENCE_MS = 10_000;

const VERDICTS = ['all is well', 'something is wrong', 'not everything could be asked'] as const;

function textOf(findings: readonly Finding[], notAsked: readonly string[], code: 0 | 1 | 2): string {
  const lines = [
    ...findings.map(({ check, isWell, message }) => `${isWell ? 'ok   ' : 'WRONG'}  ${check.padEnd(12)}  ${message}`),
    ...notAsked.map(what => `?      ${what}`),
    VERDICTS[code],
  ];
  return `${lines.join('\n')}\n`;
}

/** Node wraps what happened to each address that a name has. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
