#!/usr/bin/env node
/** The command line: what it takes, what it says on --help, how it ends. A command loads its own parts when it runs. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../schemas/index.js';
import { urlOf } from './addresses.js';
import { loadConfig } from './config.js';
import { endWith } from './errors.js';
import { createLogger } from './logger.js';
import type { Role } from './roles.js';
import { onSignal } from './signals.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const program = new Command('throughline')
  .description(
    'What response times users anywhere experience right now, end to end, and which tier spends their patience.',
  )
  .version(version)
  .option('--config <file>', 'settings, as in throughline.example.yaml')
  .option('--data-dir <dir>', 'where the log and the embedded store keep their files (dataDir)')
  .showHelpAfterError()
  .addHelpText(
    'after',
    `
Every setting is also an environment variable: ingest.http.port is THROUGHLINE_INGEST_HTTP_PORT.

Examples:
  throughline up
  throughline demo
  throughline up --config throughline.yaml --data-dir /var/lib/throughline
  throughline replay traces.otlp.jsonl.gz --shift-to-now
  curl 'http://127.0.0.1:4320/api/v1/latency?location=New%20York&quantile=0.5,0.99'`,
  );

function config(): Config {
  const { config: file, dataDir } = program.opts<{ config?: string; dataDir?: string }>();
  return loadConfig({ file, env: process.env, flags: dataDir === undefined ? {} : { dataDir } });
}

function roleCommand(name: string, roles: readonly Role[], description: string): void {
  program
    .command(name)
    .description(description)
    .action(async () => {
      const settings = config();
      const { runRoles } = await import('./run.js');
      await runRoles(settings, new Set(roles), createLogger(settings.logLevel));
    });
}

roleCommand('up', ['ingest', 'stitch', 'analytics'], 'all roles in one process tree: OTLP in, answers out');
roleCommand('ingest', ['ingest'], 'the receivers only: OTLP into the log');
roleCommand('stitch', ['stitch'], 'the stitcher only: from the log to the store');
roleCommand('analytics', ['analytics'], 'the API and the rollups only');

program
  .command('migrate')
  .description("bring the store's tables up to this version")
  .action(async () => {
    const settings = config();
    const { runMigrate } = await import('./roles.js');
    await runMigrate(settings, createLogger(settings.logLevel));
  });

program
  .command('token')
  .description('make a bearer token: the token for its owner, the hash for the configuration')
  .addHelpText(
    'after',
    `
Nothing is kept: the token is shown once. The hash goes where the token would: { token: "sha256:…", tenant: bank, tier: edge }
in ingest.auth.tokens, { token: "sha256:…", role: read } in analytics.auth.tokens.`,
  )
  .action(async () => {
    const { printToken } = await import('./token.js');
    printToken();
  });

program
  .command('replay')
  .description('send recorded OTLP files (JSON, JSON lines or protobuf; .gz too) to a receiver')
  .argument('<file...>')
  .option('--endpoint <url>', 'receiver (default: the configured OTLP/HTTP port on this machine)')
  .option('--token <token>', 'bearer token')
  .option('--concurrency <n>', 'requests at once', wholeNumber, 4)
  .option('--shift-to-now', 'move all times so that the newest span ends now', false)
  .option('--skip-bad', 'go on after a request that cannot be read or is refused', false)
  .addHelpText(
    'after',
    `
Exits 0 if everything was accepted. A receiver that is busy (429, 503) is asked again for up to two minutes.

Examples:
  throughline replay traces.otlp.jsonl.gz
  throughline replay monday.jsonl tuesday.pb.gz --endpoint https://otel.example:4318 --token "$TOKEN"`,
  )
  .action(async (files: string[], options) => {
    const { ingest } = config();
    const endpoint = options.endpoint ?? urlOf(ingest.host, ingest.http.port, ingest.http.tls !== undefined);
    const { replayFiles } = await import('./replay.js');
    process.exitCode = (await replayFiles(files, { ...options, endpoint })) ? 0 : 1;
  });

program
  .command('demo')
  .description("run a small bank in three tiers for a while, then ask for New York's p99")
  .option('--seconds <n>', 'how long users keep coming', wholeNumber, 20)
  .option('--rate <n>', 'transactions a second', wholeNumber, 20)
  .option('--endpoint <url>', 'OTLP/HTTP receiver (default: as configured)')
  .option('--grpc-endpoint <url>', 'OTLP/gRPC receiver (default: as configured)')
  .option('--api <url>', 'API to ask (default: as configured)')
  .option('--token <token>', 'bearer token for the receivers')
  .addHelpText('after', '\nUses the Throughline that runs here; where none does, starts one for the time of the demo.')
  .action(async options => {
    const interrupted = new AbortController();
    onSignal(() => interrupted.abort());
    const settings = config();
    const { runDemoCommand } = await import('./demo.js');
    await runDemoCommand(settings, options, interrupted.signal);
  });

program
  .command('doctor')
  .description('ask a running system how it is, and say in words what is wrong')
  .option('--api <url>', 'API to ask (default: as configured)')
  .option('--token <token>', 'bearer token for it (default: client.token)')
  .option('--seconds <n>', 'how long to watch it', wholeNumber, 3)
  .option('--json', 'print one JSON object instead of text', false)
  .addHelpText(
    'after',
    '\nExits 0 if all is well, 1 if something is wrong, 2 if it could not be asked. A token must be of no tenant (role read).',
  )
  .action(async options => {
    const settings = config();
    const { runDoctor } = await import('./doctor.js');
    process.exitCode = await runDoctor(settings, options);
  });

program
  .command('restitch')
  .description('restate traces from the store, with spans that came beyond stitcher.lateness')
  .argument('[trace-id...]')
  .option('--too-late', 'all traces that have spans that came too late', false)
  .option('--from <time>', 'traces that ended since, with --to')
  .option('--to <time>', 'traces that ended before')
  .action(async (traceIds: string[], options) => {
    const settings = config();
    const { runRestitch } = await import('./restitch.js');
    await runRestitch(settings, { traceIds, ...options }, createLogger(settings.logLevel));
  });

program
  .command('report')
  .description(
    'a report on SLOs over a window, kept in the store: budgets, worst days, who spent them, what was restated',
  )
  .option('--slo <name...>', 'of these SLOs (default: all)')
  .option('--from <time>', 'start of the window, with --to (default: the last whole calendar month, UTC)')
  .option('--to <time>', 'end of the window, exclusive')
  .addOption(new Option('--format <format>', 'of the report').choices(['html', 'md', 'csv', 'json']).default('md'))
  .option('--output <file>', 'write it there instead of to standard output')
  .option(
    '--details-seconds <n>',
    'time for what is read from traces: who spent the budget, and examples',
    wholeNumber,
    60,
  )
  .addHelpText(
    'after',
    `
Reads the store that the configuration names; it may be in use. Figures come from counts; what is read from traces is
left out, with a note, where the time for it is over. The same window later says what has changed since, and why.

Examples:
  throughline report --format html --output october.html
  throughline report --slo new-york-transfers --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --format csv`,
  )
  .action(async options => {
    const settings = config();
    const { runReport } = await import('./report.js');
    await runReport(settings, options, createLogger(settings.logLevel));
  });

const slo = program.command('slo').description('service level objectives (OpenSLO v1)');
slo
  .command('validate')
  .description('check SLO documents: what is wrong with them, and what they come to')
  .argument('<file...>', 'YAML or JSON files, folders of them, or - for standard input')
  .option('--json', 'print one JSON object instead of text', false)
  .addHelpText(
    'after',
    `
References are looked for in all files together. Exits 1 if a document or an SLO is invalid; documents for other data
sources are valid, and said to be unsupported.

Examples:
  throughline slo validate slo/
  throughline slo validate new-york.yaml alerts.yaml --json`,
  )
  .action(async (files: string[], options: { json: boolean }) => {
    const { validateSlos } = await import('./slo.js');
    process.exitCode = (await validateSlos(files, options.json)) ? 0 : 1;
  });

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new InvalidArgumentError('Give a whole number from 1.');
  return Number(value);
}

program.parseAsync().catch(endWith);
