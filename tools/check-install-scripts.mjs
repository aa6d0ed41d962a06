/**
 * Part of `npm run check`: what `npm ci` runs and takes is what somebody has looked at.
 *
 * - A package that runs a script while it is installed must be on the list below, with its version and what the script
 *   does. A new version is to be looked at again.
 * - package.json names exact versions, and package-lock.json is the lockfile of it.
 * - What is installed everywhere has an integrity hash. (Optional binaries of other platforms may have none: see
 *   complete-lockfile.mjs.)
 *
 * The images are built with --ignore-scripts (Dockerfile): nothing of ours needs any of these.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** name@version → what its script does. */
const LOOKED_AT = new Map([
  ['chdb@3.4.0', 'an empty one: its binaries come in optional packages of their own'],
  [
    'esbuild@0.28.2',
    'install.js: checks the version of the binary of its own optional package; of vite, so not in production',
  ],
  [
    'lmdb@3.5.6',
    'node-gyp-build-optional-packages: looks for the binary of its own optional package, builds where there is none',
  ],
  ['msgpackr-extract@3.0.7', 'node-gyp-build-optional-packages: as lmdb, of which it is an optional part'],
  [
    'protobufjs@7.6.6',
    'postinstall: writes a warning where its version is named in a way that may surprise; of @grpc/proto-loader',
  ],
]);
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies'];

export function dependencyProblems(directory) {
  const read = name => JSON.parse(readFileSync(join(directory, name), 'utf8'));
  const [manifest, lock] = [read('package.json'), read('package-lock.json')];
  return [...scriptProblems(lock), ...versionProblems(manifest, lock), ...integrityProblems(lock)];
}

const installed = lock => Object.entries(lock.packages).filter(([path]) => path !== '');
const nameOf = path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

function scriptProblems(lock) {
  const found = installed(lock).filter(([, entry]) => entry.hasInstallScript === true);
  const names = found.map(([path, { version }]) => `${nameOf(path)}@${version}`);
  const unseen = names.filter(name => !LOOKED_AT.has(name));
  const gone = [...LOOKED_AT.keys()].filter(name => !names.includes(name));
  return [
    ...unseen.map(
      name =>
        `${name} runs a script when it is installed: read it, then add it to tools/check-install-scripts.mjs with what it does`,
    ),
    ...gone.map(
      name => `${name} is on the list of tools/check-install-scripts.mjs and not in package-lock.json: take it off`,
    ),
  ];
}

function versionProblems(manifest, lock) {
  const root = lock.packages[''] ?? {};
  return KINDS.flatMap(kind => {
    const wanted = manifest[kind] ?? {};
    const locked = root[kind] ?? {};
    const names = [...new Set([...Object.keys(wanted), ...Object.keys(locked)])];
    return names.flatMap(name => {
      if (wanted[name] !== locked[name])
        return [
          `${kind}.${name} is ${wanted[name]} in package.json, ${locked[name]} in package-lock.json: run npm install`,
        ];
      if (!EXACT.test(wanted[name])) return [`${kind}.${name} is ${wanted[name]}: give an exact version`];
      const { version } = lock.packages[`node_modules/${name}`] ?? {};
      return version === wanted[name]
        ? []
        : [`${name} is locked at ${version}, not at ${wanted[name]}: run npm install`];
    });
  });
}

function integrityProblems(lock) {
  return installed(lock)
    .filter(([, entry]) => entry.integrity === undefined && entry.optional !== true)
    .map(([path]) => `${path} has no integrity hash in package-lock.json`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = dependencyProblems(resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))));
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'dependencies: nothing wrong' : `${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
