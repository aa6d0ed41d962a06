/** Where Chromium is: named by CHROMIUM, or under one of its usual names in PATH. Nothing is ever downloaded. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const BROWSER_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Throws an Error that says where it was looked for, and what helps. */
export function findBrowser({ CHROMIUM, PATH = '' }: Readonly<Record<string, string | undefined>>): string {
  if (CHROMIUM !== undefined && CHROMIUM !== '') {
    if (isProgram(CHROMIUM)) return CHROMIUM;
    throw new Error(`CHROMIUM=${CHROMIUM}: no program is there; name Chromium or Chrome itself`);
  }
  const folders = PATH.split(delimiter).filter(folder => folder !== '');
  const found = BROWSER_NAMES.flatMap(name => folders.map(folder => join(folder, name))).find(isProgram);
  if (found !== undefined) return found;
  throw new Error(
    `no browser in PATH (${BROWSER_NAMES.join(', ')}): install one (Debian: apt-get install chromium), ` +
      'or name it in CHROMIUM',
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
