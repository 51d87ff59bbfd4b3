import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { up } from '../src/index.ts';
import type { FleetDetails } from '../src/operations/fleet-details.ts';
import { fleetPage } from '../src/report/page/page.ts';
import { type Browser, browserPath, type Page, startBrowser } from './setup/browser.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { madeFleet } from './setup/made-fleet.ts';
import { numbered, project } from './setup/project.ts';

const at = '2026-11-27T10:00:00Z';
const hostile = [
  '</script><script>document.title = "taken"</script>',
  '<img src=x onerror=\'document.title = "taken"\'>',
  '<!--<script>',
  `"'&\u202E\u0007\u2028`,
];

const pageOf = (...fleets: readonly FleetDetails[]) =>
  fleetPage({ status: { ok: true, schemas: [], databases: [lost] }, fleets }, at);
const lost = { database: 'b<b>', ok: false, error: { code: 'connection-failed', message: 'no answer' } };

let browser: Browser | undefined;
const dir = mkdtempSync(join(tmpdir(), 'sqlmig-page-'));
beforeAll(async () => {
  if (browserPath === undefined) console.log('skipped: no chromium here');
  else browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await rm(dir, { recursive: true });
});

/** Opens a page, and expects that it reports no error and asks for nothing. */
async function open(html: string): Promise<Page> {
  if (browser === undefined) throw new Error('no browser');
  const file = join(dir, `${Math.random()}.html`);
  writeFileSync(file, html);
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const seen: string[] = [];
  page.on('pageerror', ({ message }) => seen.push(message));
  page.on('console', (message) => seen.push(message.text()));
  page.on('request', (request) => seen.push(request.url()));
  onTestFinished(async () => {
    await page.close();
    expect(seen).toEqual([pathToFileURL(file).href]);
  });
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('html[data-ready=yes]');
  return page;
}

const names = (page: Page) => page.locator('#grid .name span').allTextContents();

test.skipIf(browserPath === undefined)(
  'a fleet of 10,000 tenants: summary, search, keys, groups, durations and runs',
  async () => {
    const html = pageOf(madeFleet(numbered('t', 10_000), 50));
    expect(html.length).toBeLessThan(1_300_000);
    const page = await open(html);
    expect(await page.locator('#tiles b').allTextContents()).toEqual(['10,000', '575', '45', '50', 'failed']);
    expect(await page.locator('#keys').textContent()).toBe(
      'at 00509,459 tenantsat 0049429 tenantsat 0047112 tenants',
    );
    // Only what is in view has elements, and problems come first.
    expect(await page.locator('#grid .row').count()).toBeLessThan(80);
    expect((await names(page))[0]).toBe('t_8');
    await page.focus('#grid .view');
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowUp'])
      await page.keyboard.press(key);
    expect(await page.textContent('#about')).toMatch(
      /^t_8 · 0004_add_tax: applied, file edited since in \d+ ms · at 0050 · last change 2026-.* UTC · failed in the last run · checksum-changed: /,
    );
    const active = page.locator('#grid .on');
    expect(await active.getAttribute('id')).toBe(
      await page.getAttribute('#grid .view', 'aria-activedescendant'),
    );
    await page.keyboard.press('Control+End');
    expect((await names(page)).at(-1)).toBe('t_10000');
    await page.fill('#search', 'T_99');
    expect(await page.textContent('#found')).toBe('111 of 10,000 tenants');
    await page.fill('#search', '');
    await page.check('#grouped');
    expect(await names(page)).toEqual([
      '9,414 tenants',
      '429 tenants',
      '112 tenants',
      '34 tenants',
      '11 tenants',
    ]);
    await page.getByRole('button', { name: 'at 0047' }).click();
    expect(await page.textContent('#found')).toBe('112 of 10,000 tenants');
    // On paper a large fleet is printed as groups, whatever is chosen.
    await page.uncheck('#grouped');
    await page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    expect(await names(page)).toEqual(['112 tenants']);
    await page.evaluate(`dispatchEvent(new Event('afterprint'))`);
    expect(await names(page)).toContain('t_4');
    await page.locator('#times summary').click();
    expect(await page.locator('#times-body tr').first().textContent()).toMatch(
      /^tenants0007_index_email9,9661\.8 s/,
    );
    expect(await page.locator('#runs-body tr').count()).toBe(3);
  },
);

test.skipIf(browserPath === undefined)('names and messages are never markup or code', async () => {
  const fleet = madeFleet([...hostile, ...numbered('t', 8)], 12);
  const [first] = fleet.runs;
  const errors = hostile.map((message) => ({ code: 'migration-failed', message, count: 1 }));
  const runs = first?.outcome ? [{ ...first, outcome: { ...first.outcome, errors } }] : [];
  const page = await open(pageOf({ ...fleet, runs }, madeFleet(['other'], 3)));
  await page.selectOption('#sort', 'name');
  expect((await names(page)).slice(0, 4)).toEqual([...hostile.slice(0, 3), `"'&\\u{202e}\\u{7}\\u{2028}`]);
  expect(await page.textContent('#runs-body')).toContain(hostile[0]);
  expect(await page.locator('img, script').count()).toBe(2);
  expect(await page.title()).toBe('sqlmig fleet');
  expect(await page.textContent('#unread')).toBe('database b<b> was not read: no answer');
  await page.selectOption('#database', '1');
  expect(await names(page)).toEqual(['other']);
});

test('the page depends on the fleet and the time alone, and refers to nothing', () => {
  const html = pageOf(madeFleet(hostile, 12));
  expect(pageOf(madeFleet(hostile, 12))).toBe(html);
  expect(html).toContain(`content="default-src 'none'; script-src 'sha256-`);
  const plain = pageOf(madeFleet(['t'], 12));
  expect(plain).not.toMatch(/\b(?:src|href)=|url\(|@import|https?:/);
  expect(html.match(/<\/script>/g)).toHaveLength(2);
});

test('status --html writes the page of a real fleet, whole or not at all, and prints the status', async () => {
  const db = await freshDatabase();
  const tenants = ['<b>bold</b>', 'plain', 'gone'];
  const p = project(
    { url: db.url, tenants: { list: tenants } },
    {
      'sql/public/1_plans.sql': 'create table plans ()',
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/R__v.sql': 'create or replace view v as select 1 as x',
    },
  );
  await up(await p.config(), { select: { kind: 'all', except: [] } });
  p.write({ 'sql/tenant/1_a.sql': 'create table a (id int)', 'sql/tenant/2_b.sql': 'create table b ()' });
  await db.query('drop schema gone cascade');
  const { code, stdout } = await sqlmig(['status', '--html', 'fleet.html', '--json'], p.dir);
  expect({ code, stdout: JSON.parse(stdout).schemas.length }).toEqual({ code: 0, stdout: 4 });
  expect(readdirSync(p.dir).filter((file) => file.startsWith('fleet'))).toEqual(['fleet.html']);
  const html = readFileSync(join(p.dir, 'fleet.html'), 'utf8');
  const [, json = ''] = /id="data">(.*)<\/script>\n<script>/.exec(html) ?? [];
  const [part] = JSON.parse(json).parts;
  expect(part).toMatchObject({
    tenants: {
      columns: [
        ['1', 'a', 1],
        ['2', 'b', 1],
        [null, 'v', 1],
      ],
      groups: [
        ['cpa', 'at 1', 1, [0]],
        ['ppp', 'empty', 3, []],
      ],
      names: tenants,
      group: [0, 0, 1],
    },
    public: { columns: [['1', 'plans', 1]], groups: [['a', 'at 1', 0, []]] },
    findings: [
      ['checksum-changed', 'tenant', expect.stringContaining('1_a.sql differs'), 2, tenants.slice(0, 2)],
    ],
    runs: [{ state: 'succeeded', outcome: { changed: 4 } }],
  });
  // Two durations for each tenant with a history, none for the other.
  const bytes = Buffer.from(part.tenants.times, 'base64');
  expect([bytes[0], bytes.at(-1)]).toEqual([2, 0]);
  const refused = await sqlmig(['status', '--html', 'nowhere/x.html'], p.dir);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--html cannot write "nowhere/x.html"'),
  });
});
