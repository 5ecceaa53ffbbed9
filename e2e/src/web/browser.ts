import { afterAll, expect } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Stack } from '../stack/stack.ts';
import { IsolatedChromium } from './chromium.ts';
import type { Language } from './words.ts';

/** Of the slowest machine; what is there is there sooner. */
export const shownWithinMs = 90_000;

/** A browser for the stories of a file, which are of one stack. */
export function useBrowser(): (stack: Stack) => Promise<Browser> {
  let chromium: Promise<IsolatedChromium> | undefined;
  afterAll(async () => (await chromium)?.stop());
  return async (stack) => (await (chromium ??= IsolatedChromium.start(Number(new URL(stack.url()).port)))).browser;
}

export interface VisitOptions {
  readonly language?: Language;
  readonly width?: number;
  readonly dark?: boolean;
  /** Errors on the console that the story provokes. */
  readonly expected?: RegExp;
}

/** A guest that runs is asked what it knows; its machine may be off by then, which the page bears and the browser reports. */
const guestGone = /\b409\b.*\/guest$/;

/** Somebody in front of the console: whatever the policy refuses and whatever the page complains of fails the story. */
export class Visit {
  readonly #complaints: string[] = [];

  private constructor(
    readonly stack: Stack,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly expected: RegExp | undefined,
  ) {}

  static async begin(browser: Browser, stack: Stack, options: VisitOptions = {}): Promise<Visit> {
    const context = await browser.newContext({
      baseURL: stack.url(),
      locale: options.language ?? 'en',
      viewport: { width: options.width ?? 1_280, height: 800 },
      colorScheme: options.dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(shownWithinMs);
    const page = await context.newPage();
    const visit = new Visit(stack, context, page, options.expected);
    visit.watch(page);
    return visit;
  }

  /** Another tab of the same browser. */
  async tab(): Promise<Page> {
    const page = await this.context.newPage();
    this.watch(page);
    return page;
  }

  async logIn(username = 'admin', password = this.stack.adminPassword, path = '/'): Promise<void> {
    await this.page.goto(path);
    await this.submit(username, password);
    await this.page.locator('nav').waitFor({ state: 'attached' });
  }

  /** Fills the form that is shown, and waits for nothing. */
  async submit(username: string, password: string): Promise<void> {
    const { page } = this;
    await page.locator('input[autocomplete=username]').fill(username);
    await page.locator('input[autocomplete=current-password]').fill(password);
    await page.locator('button[type=submit]').click();
  }

  async end(): Promise<void> {
    await this.context.close();
    expect(
      this.#complaints.filter((complaint) => !guestGone.test(complaint) && !this.expected?.test(complaint)),
    ).toEqual([]);
  }

  private watch(page: Page): void {
    page.on('console', (message) => {
      // Violations of the content policy are among them.
      if (message.type() === 'error') this.#complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => this.#complaints.push(String(error.stack)));
  }
}
