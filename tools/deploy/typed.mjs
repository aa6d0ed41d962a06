/** Checks values against TypeScript types: as literals, so that a field that there is not is an error, too. */
import { resolve } from 'node:path';
import ts from 'typescript';

const OPTIONS = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  lib: ['lib.es2022.d.ts'],
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
};

/** Parsed once for all calls: the declarations of the library. */
const parsed = new Map();

/** `values`: {at, value, type, module}. Answers `at: what is wrong`. */
export function typeProblems(values) {
  const sources = new Map(
    values.map(({ value, type, module }, index) => [
      // Beside our own files, so that modules are found as they are from there.
      resolve(import.meta.dirname, `checked-${index}.ts`),
      `import type { ${type} } from '${module}';\nexport const value: ${type} = ${JSON.stringify(value, null, 1)};\n`,
    ]),
  );
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = path => sources.has(path) || fileExists(path);
  host.readFile = path => sources.get(path) ?? readFile(path);
  host.getSourceFile = (path, version) => {
    const text = sources.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, version);
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, version));
    return parsed.get(path);
  };
  const program = ts.createProgram([...sources.keys()], OPTIONS, host);
  return [...sources.keys()].flatMap((path, index) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(path))
      .map(({ messageText }) => `${values[index].at}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`),
  );
}
