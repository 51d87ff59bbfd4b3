import { existsSync } from 'node:fs';

/** What tests use of a locator of Playwright; its own types need those of a browser. */
interface Locator {
  first(): Locator;
  click(): Promise<void>;
  count(): Promise<number>;
  textContent(): Promise<string | null>;
  allTextContents(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
}

/** The same of a page. */
export interface Page {
  on(event: 'pageerror', heard: (error: Error) => void): void;
  on(event: 'console', heard: (message: { text(): string }) => void): void;
  on(event: 'request', heard: (request: { url(): string }) => void): void;
  goto(url: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  locator(selector: string): Locator;
  getByRole(role: string, options: { readonly name: string }): Locator;
  getAttribute(selector: string, name: string): Promise<string | null>;
  textContent(selector: string): Promise<string | null>;
  title(): Promise<string>;
  evaluate(program: string): Promise<unknown>;
  focus(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  check(selector: string): Promise<void>;
  uncheck(selector: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  readonly keyboard: { press(key: string): Promise<void> };
  close(): Promise<void>;
}

/** The same of a browser. */
export interface Browser {
  newPage(options: { readonly viewport: { readonly width: number; readonly height: number } }): Promise<Page>;
  close(): Promise<void>;
}

const places = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** Debian's Chromium, or the browser that SQLMIG_TEST_BROWSER names; `undefined` if there is none. */
export const browserPath = [process.env.SQLMIG_TEST_BROWSER ?? '', ...places].find(existsSync);

/** Starts the browser. As root it cannot have a sandbox. */
export async function startBrowser(): Promise<Browser> {
  const name: string = 'playwright-core';
  const { chromium } = (await import(name)) as {
    readonly chromium: { launch(options: object): Promise<Browser> };
  };
  return chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] });
}
