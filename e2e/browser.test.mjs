// A user's first visit: starts the demo like `make demo`, signs in, finds the workload's top query, visits every page, and ends the demo
// with Ctrl-C. No page may log an error, scroll sideways or break a rule of axe.
//
//   DEMO_BINARY=… CHROMIUM=… node --test e2e/browser.test.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const root = new URL('..', import.meta.url).pathname;
const DEMO = process.env.DEMO_BINARY ?? resolve(root, process.env.CARGO_TARGET_DIR ?? 'target', 'debug', 'demo');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
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
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
/** The longest wait for one condition: a slow, busy machine needs much less. */
const PATIENCE_MS = 120_000;
/** Pages that must fit on a phone. */
const PHONE_PAGES = ['fleet', 'server', 'queries', 'collectors'];

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const data = join(mkdtempSync(join(tmpdir(), 'pganalytics-browser-')), 'demo');

let demo;
let ready;
let exited;
let browser;
let context;
let page;
const complaints = [];

/** Asks until the answer is truthy. */
async function until(what, ask) {
  const deadline = Date.now() + PATIENCE_MS;
  let last;
  for (;;) {
    try {
      const value = await ask();
      if (value) return value;
      last = `the answer was ${value}`;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}; at last: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function sql(query) {
  const login = await fetch(`${ready.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: ready.user, password: ready.password }),
  });
  const { token } = await login.json();
  const answer = await fetch(`${ready.url}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.rows;
}

/** Waits until the page fetches and draws nothing more. */
async function settle() {
  await page.locator('h1').first().waitFor({ timeout: PATIENCE_MS });
  await page.waitForFunction(
    () => !document.querySelector('[data-busy]') && !document.querySelector('.mantine-Skeleton-root'),
    undefined,
    { timeout: PATIENCE_MS },
  );
}

async function judge(name) {
  await settle();
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(sideways <= 0, `${name} is ${sideways} px wider than the window`);
  // Through the debugger, so that the served content security policy stays in force.
  const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
  assert.deepEqual(found, [], name);
  assert.deepEqual(complaints.splice(0), [], name);
}

async function visit(name) {
  await page.goto(`${ready.url}/${name}?server=shop&range=15m`);
  await judge(name);
}

before(async () => {
  assert.ok(existsSync(DEMO), `${DEMO} is not built: cargo build --workspace --bins`);
  const port = 24_000 + (process.pid % 4_000);
  demo = spawn(DEMO, [], { env: { ...process.env, DEMO_DATA: data, DEMO_PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'] });
  exited = new Promise((resolve) => demo.once('exit', (code, signal) => resolve({ code, signal })));
  const line = await Promise.race([
    new Promise((resolve) => createInterface({ input: demo.stdout }).once('line', resolve)),
    exited.then((end) => Promise.reject(new Error(`the demo ended with ${JSON.stringify(end)}`))),
  ]);
  assert.match(line, /^READY url=http:\/\/127\.0\.0\.1:\d+ user=admin password=\S+ data=\S+$/);
  ready = Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]));
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  context = await browser.newContext({ viewport: DESKTOP });
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => {
    // Before the login, the page asks for the user and gets 401, which Chromium logs.
    const expected = /401/.test(message.text()) && !page.url().includes('/fleet');
    if (message.type() === 'error' && !expected) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
}, { timeout: PATIENCE_MS * 2 });

after(async () => {
  await browser?.close();
  if (demo?.exitCode === null) demo.kill('SIGKILL');
  rmSync(join(data, '..'), { recursive: true, force: true });
});

test('a wrong password shows an error, the right password opens the fleet', async () => {
  await page.goto(ready.url);
  await page.getByLabel('Name').waitFor();
  await judge('sign in');
  await page.getByLabel('Name').fill(ready.user);
  await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByRole('textbox', { name: 'Password' }).fill(ready.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/\/fleet/);
  complaints.length = 0;
  await judge('fleet');
  await page.getByRole('link', { name: 'shop' }).first().waitFor();
});

test('the top query of the workload is on the Queries page and opens', async () => {
  // Of the database `shop` only: the collector's own statements are elsewhere.
  const top = `select max(t.query) from pg_stat_statements s join pg_stat_statements_text t on t.queryid = s.queryid and t.server = s.server
    where s.datname = 'shop' and s.ts > now() - interval '15 minutes' group by s.queryid order by sum(s.total_exec_time) desc limit 1`;
  const [[text]] = await until('statements of the shop', async () => {
    const rows = await sql(top);
    return rows.length > 0 && rows;
  });
  const words = text.replace(/\s+/g, ' ').slice(0, 24);
  await visit('queries');
  const link = page.locator('section[aria-label="Queries"] tbody a').filter({ hasText: words }).first();
  await link.waitFor();
  await link.click();
  await page.waitForURL(/\/query\?/);
  await judge('query');
  // Away from the charts, whose legends show the values at the cursor.
  await page.mouse.move(0, 0);
  const mean = page.locator('dl div').filter({ hasText: 'Mean time' }).locator('dd');
  const legend = page.locator('[data-chart="Mean time"] li').filter({ hasText: 'execution' }).locator('[data-value]');
  await until('the same mean in the header and in the legend', async () => (await mean.innerText()) === (await legend.innerText()));
});

test('every page of the sidebar loads without errors', { timeout: PATIENCE_MS * 3 }, async () => {
  await page.goto(`${ready.url}/fleet`);
  await settle();
  const links = await page.locator('nav[aria-label="Pages"] a').evaluateAll((found) => found.map((link) => new URL(link.href).pathname));
  const names = links.map((path) => path.split('/').pop());
  assert.ok(names.length >= 8, `the sidebar has only ${names}`);
  for (const name of names) await visit(name);
});

test('the collectors page shows that the collector ships, and its credential', async () => {
  await visit('collectors');
  const row = page.locator('section[aria-label="Collectors"] tbody tr').first();
  await row.filter({ hasText: 'healthy' }).filter({ hasText: 'token' }).filter({ hasText: /[1-9]\d* of \d+/ }).waitFor();
  await row.getByRole('button', { name: 'Revoke' }).waitFor();
});

test('the SQL page runs a statement and shows its result', async () => {
  await visit('sql');
  await page.getByRole('button', { name: 'Run' }).click();
  await judge('sql with a result');
});

test('the fleet and the page of a server without a free connection say which limit is reached, and what to do', async () => {
  const trouble = {
    kind: 'too_many_connections',
    sqlstate: '53300',
    message: 'The role monitor has reached its connection limit.',
    remedy: 'Raise the limit with ALTER ROLE monitor CONNECTION LIMIT.',
  };
  const error = 'too many connections for role "monitor"';
  await page.route('**/api/v1/servers', async (route) => {
    const response = await route.fetch();
    const servers = await response.json();
    await route.fulfill({ response, json: servers.map((server) => ({ ...server, up: false, error, trouble })) });
  });
  await visit('fleet');
  const row = page.locator('section[aria-label="Servers"] tbody tr').filter({ hasText: 'shop' });
  await row.filter({ hasText: 'full' }).filter({ hasText: trouble.message }).filter({ hasText: trouble.remedy }).waitFor();
  await visit('server');
  const alert = page.getByRole('status').filter({ hasText: 'Too many connections' });
  await alert.filter({ hasText: error }).filter({ hasText: 'SQLSTATE 53300' }).filter({ hasText: trouble.remedy }).waitFor();
  await page.unroute('**/api/v1/servers');
});

test('the pages for a phone fit on a phone', async () => {
  await page.setViewportSize(PHONE);
  for (const name of PHONE_PAGES) await visit(name);
  await page.setViewportSize(DESKTOP);
});

test('Ctrl-C ends the demo and leaves only the data folder of the READY line', { timeout: PATIENCE_MS }, async () => {
  await browser.close();
  demo.kill('SIGINT');
  const { code, signal } = await exited;
  assert.equal(code, 0, `the demo ended with code ${code}, signal ${signal}`);
  assert.equal(ready.data, data);
  assert.ok(existsSync(join(data, 'meta.db')), 'the history is missing');
  await assert.rejects(fetch(`${ready.url}/api/v1/health`), 'the backend still answers');
  const mine = readdirSync(tmpdir()).filter((name) => name.startsWith(`pganalytics-demo-${demo.pid}-`) || name.startsWith(`pganalytics-pg-${demo.pid}-`));
  assert.deepEqual(mine, [], 'temporary folders are left');
});
