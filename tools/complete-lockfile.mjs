/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out, because the registry it asked
 * did not serve them. Without their entries `npm ci` refuses the lockfile. Run after every change of dependencies.
 *
 * The entries carry no integrity hash: a machine of such a platform takes what its registry serves for that version.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'openharmony', 'win32', 'netbsd', 'sunos', 'aix'];
const CPU = ['arm64', 'arm', 'x64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'mips64el'];
const LIBC = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };

/** What a package is for, read off its name as these packages all spell it: `cli-linux-arm64-musl`. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = OS.find(each => words.includes(each));
  const cpu = CPU.find(each => words.includes(each));
  if (os === undefined || cpu === undefined) return undefined;
  const libc = Object.keys(LIBC).find(each => words.includes(each));
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [LIBC[libc]] }) };
}

let added = 0;
for (const [, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[key] !== undefined || platform === undefined) continue;
    const { cpu, libc, os } = platform;
    lock.packages[key] = {
      version,
      cpu,
      ...(entry.dev === true ? { dev: true } : {}),
      ...(libc === undefined ? {} : { libc }),
      optional: true,
      os,
    };
    added++;
  }
}

const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added to package-lock.json`);
