/**
 * `npm run audit`: known vulnerabilities of what runs in production, as `npm audit --omit=dev` lists them. Fails where
 * there is one. A registry that cannot be asked (no network, a mirror without this service) is no vulnerability: that is
 * said, and passes.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The report of `npm audit --json` → exit code and what to say. */
export function verdictOf(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    report = {};
  }
  const counts = report.metadata?.vulnerabilities;
  if (counts === undefined) {
    const why = report.message ?? report.error?.summary ?? 'no report';
    return { code: 0, message: `audit: the registry could not be asked (${why}); nothing is known` };
  }
  const names = Object.values(report.vulnerabilities ?? {}).map(({ name, severity }) => `${name} (${severity})`);
  if (counts.total === 0) return { code: 0, message: 'audit: no known vulnerabilities in production dependencies' };
  return {
    code: 1,
    message: `audit: ${counts.total} known vulnerabilities: ${names.join(', ')}; npm audit --omit=dev says more`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: 120_000 });
  const { code, message } = verdictOf(stdout ?? '');
  console.log(message);
  process.exitCode = code;
}
