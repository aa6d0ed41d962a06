/**
 * Checks what containers are made and run from (Dockerfile, docker-compose.yml, deploy/kubernetes) as far as that is
 * possible without a container engine. Part of `npm run check`. A directory other than the project's may be given.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composeProblems } from './deploy/compose.mjs';
import { kubernetesProblems } from './deploy/kubernetes.mjs';
import { imageProblems } from './deploy/ports.mjs';

export function deployProblems(directory) {
  return [...imageProblems(directory), ...composeProblems(directory), ...kubernetesProblems(directory)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = deployProblems(resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))));
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'containers and manifests: nothing wrong' : `${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
