/** A page in a headless browser without network that notes whatever a document tries to fetch, say or do. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findBrowser } from './find-browser.js';

/** What a page did that a report never does. */
export interface Doings {
  /** URLs asked for beside the document's own. */
  readonly requests: string[];
  /** Messages on the console, uncaught errors, dialogs. */
  readonly messages: string[];
}

export async function launchBrowser(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: findBrowser(process.env),
    // Chromium refuses its sandbox to root, as whom containers run; and their /dev/shm is small.
    args: ['--disable-dev-shm-usage', ...(isRoot ? ['--no-sandbox'] : [])],
  });
}

export interface OpenPage {
  readonly page: Page;
  readonly doings: Doings;
  close(): Promise<void>;
}

export interface PageOptions {
  /** False as in mail, where nothing runs. */
  readonly javaScriptEnabled?: boolean;
  readonly widthPx?: number;
}

/** Opens a file as if by a double click. */
export async function openOffline(browser: Browser, url: string, options: PageOptions = {}): Promise<OpenPage> {
  const { javaScriptEnabled = true, widthPx = 1_280 } = options;
  const context = await browser.newContext({ javaScriptEnabled, viewport: { width: widthPx, height: 800 } });
  const doings = await watch(context, url);
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'networkidle' });
  return { page, doings, close: () => context.close() };
}

async function watch(context: BrowserContext, url: string): Promise<Doings> {
  const doings: Doings = { requests: [], messages: [] };
  await context.setOffline(true);
  context.on('request', request => {
    if (request.url() !== url) doings.requests.push(request.url());
  });
  context.on('console', message => doings.messages.push(`${message.type()}: ${message.text()}`));
  context.on('weberror', error => doings.messages.push(`error: ${error.error().message}`));
  context.on('dialog', dialog => {
    doings.messages.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  return doings;
}
