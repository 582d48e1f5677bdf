// Visits a running pgAnalytics with Chromium: signs in and opens every page of the sidebar and one query, at two sizes and in both
// schemes. Writes a screenshot of each page, and lists violations of axe, console errors and failed requests.
//
//   node scripts/screenshots.mjs URL USER PASSWORD [--out DIR] [--only fleet,server] [--range 1h] [--sizes desktop,phone]
//                                                  [--schemes light,dark] [--server NAME] [--full] [--no-axe]
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'screenshots' },
    only: { type: 'string', default: '' },
    range: { type: 'string', default: '1h' },
    sizes: { type: 'string', default: 'desktop,phone' },
    schemes: { type: 'string', default: 'light,dark' },
    server: { type: 'string', default: '' },
    full: { type: 'boolean', default: false },
    'no-axe': { type: 'boolean', default: false },
  },
});
const [url, user, password] = positionals;
if (!url || !user || !password) {
  console.error('usage: node scripts/screenshots.mjs URL USER PASSWORD [--out DIR] [--only PAGES] …');
  process.exit(2);
}
const base = url.endsWith('/') ? url : `${url}/`;

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const axe = values['no-axe']
  ? null
  : await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
let problems = 0;
mkdirSync(values.out, { recursive: true });

const report = (where, what) => {
  problems += 1;
  console.log(`! ${where}: ${what}`);
};

/** Waits until the page has loaded: no request, no skeleton, no progress line. */
async function settle(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForLoadState('networkidle').catch(() => {});
  await page
    .waitForFunction(
      () =>
        !document.querySelector('[data-busy]') &&
        ![...document.querySelectorAll('.mantine-Skeleton-root')].some(
          (node) => node.getBoundingClientRect().top < innerHeight,
        ),
      { timeout: 30_000 },
    )
    .catch(() => {});
  await page.waitForTimeout(250);
}

for (const size of values.sizes.split(',')) {
  for (const scheme of values.schemes.split(',')) {
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: scheme,
      bypassCSP: false,
      deviceScaleFactor: size === 'phone' ? 2 : 1,
    });
    const page = await context.newPage();
    let where = 'signin';
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      const expected = where === 'signin' && /401/.test(message.text());
      if (!expected) report(`${where} ${size} ${scheme}`, `console: ${message.text()}`);
    });
    page.on('pageerror', (error) => report(`${where} ${size} ${scheme}`, `uncaught: ${error.message}`));

    const shoot = async (name) => {
      await settle(page);
      if (values.full) {
        // A chart loads when it comes near the visible area.
        for (let y = 0; y < (await page.evaluate(() => document.body.scrollHeight)); y += 600) {
          await page.evaluate((top) => window.scrollTo(0, top), y);
          await settle(page);
        }
        await page.evaluate(() => window.scrollTo(0, 0));
      }
      await page.screenshot({ path: `${values.out}/${name}-${size}-${scheme}.png`, fullPage: values.full });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) report(`${name} ${size}`, `the page is ${wide} px wider than the window`);
      if (!axe) return;
      // Runs axe in the debugger's world, so that the served content security policy stays active.
      const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
      for (const violation of found.violations) {
        const nodes = violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 140));
        report(
          `${name} ${size} ${scheme}`,
          `axe ${violation.impact} ${violation.id}: ${violation.help}\n    ${nodes.join('\n    ')}`,
        );
      }
    };

    await page.goto(base);
    await page.getByLabel('Name').waitFor();
    if (!values.only || values.only.includes('signin')) await shoot('signin');
    await page.getByLabel('Name').fill(user);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/fleet/);
    await settle(page);

    // The sidebar's links are the pages.
    const hrefs = await page
      .locator('nav[aria-label="Pages"] a')
      .evaluateAll((links) => links.map((link) => link.href));
    const named = hrefs.map((href) => [new URL(href).pathname.split('/').pop(), href]);
    for (const [name, href] of named) {
      if (
        values.only &&
        !values.only.split(',').some((only) => only === name || (only === 'query' && name === 'queries'))
      )
        continue;
      where = name;
      const target = new URL(href);
      target.searchParams.set('range', values.range);
      if (values.server) target.searchParams.set('server', values.server);
      await page.goto(target.href);
      await shoot(name);
      if (name === 'queries' && (!values.only || values.only.split(',').includes('query'))) {
        const first = page.locator('section[aria-label="Queries"] tbody a').first();
        if ((await first.count()) > 0) {
          where = 'query';
          await first.click();
          await page.waitForURL(/\/query\?/);
          await shoot('query');
        }
      }
      if (name === 'sql') {
        where = 'sql with a result';
        await page.getByRole('button', { name: 'Run' }).click();
        await shoot('sql-result');
      }
    }
    await context.close();
  }
}
await browser.close();
console.log(
  problems === 0
    ? `screenshots are in ${values.out}; no problems`
    : `screenshots are in ${values.out}; ${problems} problems`,
);
process.exit(problems === 0 ? 0 : 1);
