// One person's day in the browser: sign in, make a work order, carry it out, see what it earns and why.
// node journey.mjs --base http://127.0.0.1:PORT --user admin --password PW
// Finds things by role and accessible name, runs axe on every page and open panel, leaves screenshots
// in output/. One line per step, last line `N passed, N failed`.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { records } from './records.mjs';

const given = Object.fromEntries(process.argv.slice(2).join(' ').split('--').filter(Boolean).map((pair) => pair.trim().split(/\s+/)));
const base = (given.base ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const user = given.user ?? 'admin';
const password = given.password ?? 'packwork';
const output = new URL('./output/', import.meta.url).pathname;
const PATIENCE_MS = 15_000;
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

mkdirSync(output, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), 'packwork-e2e-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1440, height: 900 },
  locale: 'zh-CN',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
context.setDefaultTimeout(PATIENCE_MS);
const page = context.pages()[0] ?? (await context.newPage());
const noise = [];
page.on('pageerror', (error) => noise.push(`page error: ${error.message}`));
page.on('console', (message) => {
  if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) noise.push(`console: ${message.text()}`);
});

let passed = 0;
let failed = 0;
let shots = 0;

async function step(name, run) {
  try {
    const said = await run();
    passed += 1;
    console.log(`pass ${name}${said ? `: ${said}` : ''}`);
    return true;
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${String(error.message ?? error).split('\n').slice(0, 6).join(' | ')}`);
    await shoot('failed');
    return false;
  }
}

async function shoot(name) {
  shots += 1;
  await page.screenshot({ path: `${output}${String(shots).padStart(2, '0')}-${name}.png` }).catch(() => undefined);
}

function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

/** No violation of WCAG 2.2 AA, and a picture of what was looked at. */
async function look(name) {
  await page.waitForTimeout(350); // panels and skeletons have settled
  await shoot(name);
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const words = violations.map((one) => `${one.id} (${one.nodes.length}): ${one.nodes[0]?.html.slice(0, 140)}`);
  ensure(words.length === 0, `axe on ${name}: ${words.join('; ')}`);
}

const main = () => page.getByRole('main');
const heading = (name) => main().getByRole('heading', { level: 1, name });
const settled = () => page.getByRole('status', { name: /正在加载|Loading/ }).waitFor({ state: 'hidden' });

async function goBy(menu) {
  await page.getByRole('navigation', { name: /主菜单|Main menu/ }).getByRole('link', { name: menu, exact: true }).click();
  await settled();
}

/** Takes the option with this text, or the first one. */
async function choose(box, text) {
  await box.click();
  if (text) await box.fill(text);
  const options = page.getByRole('listbox').getByRole('option');
  const option = text ? options.filter({ hasText: text }).first() : options.first();
  await option.waitFor();
  const title = (await option.innerText()).trim();
  await option.click();
  return title;
}

/** A transition by its button; where it asks something, what it proposes is taken. */
async function act(names) {
  const button = main().getByRole('button', { name: names }).first();
  await button.waitFor();
  const name = (await button.innerText()).trim();
  ensure((await button.getAttribute('aria-disabled')) === null, `${name} cannot be pressed: ${await reasonOf(button)}`);
  const answered = page.waitForResponse((response) => response.url().includes('/transitions/'));
  await button.click();
  const dialog = page.getByRole('dialog');
  const asks = await Promise.race([
    dialog.waitFor({ timeout: 3000 }).then(() => true, () => false),
    answered.then(() => false),
  ]);
  if (asks) {
    await look(`dialog-${name}`);
    for (const box of await dialog.getByRole('combobox').all()) {
      const required = (await box.getAttribute('aria-required')) === 'true';
      if (required && (await box.inputValue()) === '') await choose(box);
    }
    await dialog.getByRole('button', { name, exact: true }).click();
  }
  const response = await answered;
  ensure(response.ok(), `${name}: ${response.status()} ${await response.text()}`);
  if (asks) await dialog.waitFor({ state: 'hidden' });
  return name;
}
async function reasonOf(button) {
  const id = await button.getAttribute('aria-describedby');
  return id ? page.locator(`[id="${id}"]`).innerText() : '';
}

let order = '';
let record = '';
let partner = '';
let statement = '';

await step('the sign-in page is Chinese', async () => {
  await page.goto(`${base}/`);
  await page.getByLabel('用户名').waitFor();
  ensure((await page.locator('html').getAttribute('lang')) === 'zh-CN', 'lang is not zh-CN');
  await look('sign-in');
});

const inside = await step('a wrong password is refused in words, the right one signs in', async () => {
  await page.getByLabel('用户名').fill(user);
  await page.getByLabel('密码').fill(`${password}-wrong`);
  await page.getByRole('button', { name: '登录', exact: true }).click();
  await page.getByRole('alert').getByText('用户名或密码不正确').waitFor();
  await page.getByLabel('密码').fill(password);
  await page.getByRole('button', { name: '登录', exact: true }).click();
  await page.getByRole('navigation', { name: '主菜单' }).waitFor();
});

if (inside) {
  await step('the start page shows bars and a pie, also as table', async () => {
    await settled();
    const charts = main().getByRole('img');
    await charts.first().waitFor();
    const kinds = await main().locator('[role=img] svg').count();
    ensure(kinds >= 2, `only ${kinds} charts are drawn`);
    await page.waitForTimeout(500);
    await look('start');
    await main().getByRole('button', { name: /以表格查看/ }).first().click();
    await main().getByRole('table').first().waitFor();
    await look('start-table');
    return `${kinds} charts`;
  });

  await step('the list of work orders: rows, search, keyboard, filter', async () => {
    await goBy('工单');
    await main().getByRole('table').waitFor();
    await look('list');
    await page.keyboard.press('/');
    ensure(await page.getByRole('searchbox').evaluate((box) => box === document.activeElement), '/ does not focus the search');
    await page.getByRole('searchbox').blur();
    await page.keyboard.press('j');
    const number = await page.evaluate(() => document.activeElement?.textContent ?? '');
    await page.keyboard.press('Enter');
    await heading(number).waitFor();
    await page.goBack();
    await main().getByRole('table').waitFor();
    await main().getByRole('group', { name: '筛选' }).getByRole('button', { name: '状态', exact: true }).click();
    await page.locator('.filter-panel').getByRole('checkbox').first().check();
    await page.waitForURL(/f=/);
    await look('list-filter');
    await page.keyboard.press('Escape');
    await main().getByRole('button', { name: /移除筛选/ }).click();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: '快捷键' }).waitFor();
    await look('keys');
    await page.keyboard.press('Escape');
    return number;
  });

  const made = await step('a work order is made from the template 维修', async () => {
    await main().getByRole('link', { name: '新建工单' }).click();
    await main().getByRole('link', { name: /^维修/ }).waitFor();
    await look('templates');
    await main().getByRole('link', { name: /^维修/ }).click();
    const create = main().getByRole('button', { name: '创建' });
    await create.waitFor();
    const customer = await choose(main().getByRole('combobox', { name: '客户', exact: true }), given.customer);
    const serviceBox = main().getByRole('combobox', { name: /^服务项目/ });
    const service = await choose(serviceBox, given.service ?? '维修');
    await main().getByRole('textbox', { name: '数量', exact: true }).fill('2');
    partner = await choose(main().getByRole('combobox', { name: '服务商', exact: true }), given.partner);
    const address = main().getByRole('textbox', { name: '服务地址' });
    if ((await address.inputValue()) === '') await address.fill(given.address ?? '上海市浦东新区张江路 88 号');
    for (const box of await main().locator('[aria-required=true]').all()) {
      if ((await box.inputValue()) !== '') continue;
      if ((await box.getAttribute('role')) === 'combobox') await choose(box);
      else if (await box.evaluate((element) => element.tagName === 'SELECT')) await box.selectOption({ index: 1 });
      else await box.fill('不制冷');
    }
    await look('form');
    await create.click();
    await heading(/WO-/).waitFor();
    order = (await heading(/WO-/).innerText()).trim();
    record = new URL(page.url()).pathname;
    return `${order}, ${customer}, ${service}, ${partner}`;
  });

  if (made) {
    await step('price and region are shown with where each came from', async () => {
      await settled();
      const facts = {};
      for (const field of ['(地区|区域)', '单价']) {
        const why = main().getByRole('button', { name: new RegExp(`^为什么：.*${field}`) }).first();
        await why.click();
        const panel = page.getByRole('complementary', { name: /的由来/ });
        const sentence = panel.locator('p').first();
        await sentence.waitFor();
        facts[field] = (await sentence.innerText()).trim();
        ensure(facts[field].length > 3, `${field} is not explained`);
        await look(`explain-${Object.keys(facts).length}`);
        await page.keyboard.press('Escape');
        await panel.waitFor({ state: 'hidden' });
      }
      await look('record');
      return Object.values(facts).join(' / ');
    });

    await step('it is dispatched, started and completed', async () => {
      const done = [];
      for (const names of [/^派单$/, /^开始/, /^完(成|工)$/]) {
        done.push(await act(names));
        await page.waitForTimeout(400);
      }
      await main().getByText(/^已完(成|工)$/).first().waitFor();
      await look('completed');
      return done.join(', ');
    });

    await step('the history tells what happened', async () => {
      await main().getByRole('tab', { name: '历史' }).click();
      await main().getByRole('listitem').first().waitFor();
      ensure((await main().locator('time').count()) >= 4, 'fewer than four entries');
      await look('history');
      await main().getByRole('tab', { name: '详情' }).click();
    });

    await step('its settlement line is there', async () => {
      const lines = main().getByRole('list', { name: '结算明细' }).getByRole('listitem');
      const link = lines.getByRole('link').first();
      if (!(await link.waitFor({ timeout: 4000 }).then(() => true, () => false))) {
        await goBy(/结算运行|结算/);
        const commit = main().getByRole('button', { name: '正式结算' });
        await commit.waitFor();
        await page.waitForTimeout(800);
        await commit.click();
        await main().getByText(/结算完成|部分完成|没有变化/).first().waitFor();
        await look('run');
        await page.goto(`${base}${record}`);
        await lines.first().waitFor();
      }
      await look('settled');
      return (await lines.first().innerText()).replaceAll('\n', ' ');
    });

    await step('the statement of the partner has the line', async () => {
      const link = main().getByRole('list', { name: '结算明细' }).getByRole('link').first();
      if (await link.count()) await link.click();
      else {
        await goBy('对账单');
        await main().getByRole('row').filter({ hasText: partner }).first().getByRole('link').first().click();
      }
      await page.waitForURL(/\/statements\//);
      await settled();
      await main().getByRole('link', { name: order }).first().waitFor();
      statement = new URL(page.url()).pathname;
      await look('statement');
      return (await main().getByRole('heading', { level: 1 }).innerText()).trim();
    });

    await step('the line explains itself', async () => {
      await main().getByRole('button', { name: `为什么：${order}` }).first().click();
      const panel = page.getByRole('complementary', { name: /的由来/ });
      await panel.getByRole('heading', { name: '计算过程' }).waitFor();
      const sentence = (await panel.locator('p').first().innerText()).trim();
      ensure(/\d/.test(sentence), `no figures in: ${sentence}`);
      await look('statement-why');
      await page.keyboard.press('Escape');
      return sentence;
    });
  }

  for (const [menu, name] of [
    ['对账单', 'statements'],
    ['账期', 'periods'],
    ['结算运行', 'runs'],
    ['经营分析', 'analysis'],
    ['阶梯价格', 'schedules'],
    ['待办', 'tasks'],
  ]) {
    await step(`the page ${menu} is clean`, async () => {
      const path = `/${name}`;
      await page.goto(`${base}${path}`);
      await main().getByRole('heading', { level: 1 }).waitFor();
      await settled();
      await look(name);
    });
  }

  await step('a run is previewed without writing', async () => {
    await page.goto(`${base}/runs`);
    const preview = main().getByRole('button', { name: '试算' });
    await preview.waitFor();
    await page.waitForTimeout(800);
    await preview.click();
    await main().getByText(/没有保存任何数据|没有变化/).first().waitFor();
    await look('preview');
  });

  await records({ page, base, step, look, ensure, main, heading, settled });

  await step('at 320 pixels nothing is cut off', async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    const paths = ['/', '/records/work_order', record, statement, '/tasks'].filter(Boolean);
    for (const path of paths) {
      await page.goto(`${base}${path}`);
      await main().getByRole('heading', { level: 1 }).first().waitFor();
      await settled();
      await look(`phone${path.replaceAll('/', '-')}`.slice(0, 40));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      ensure(wide <= 320, `${path} is ${wide} pixels wide`);
    }
    await page.getByRole('button', { name: '菜单' }).click();
    await page.getByRole('dialog', { name: '菜单' }).waitFor();
    await look('phone-menu');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  await step('English: texts, titles from the server and `lang` follow', async () => {
    await page.goto(`${base}${record || '/records/work_order'}`);
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Work orders', exact: true }).waitFor();
    ensure((await page.locator('html').getAttribute('lang')) === 'en', 'lang is not en');
    await settled();
    await look('english-record');
    for (const path of ['/', '/records/work_order', '/records/work_order/new', statement, '/periods', '/runs', '/analysis', '/schedules/joint_steps'].filter(Boolean)) {
      await page.goto(`${base}${path}`);
      await main().getByRole('heading', { level: 1 }).first().waitFor();
      await settled();
      await look(`english${path.replaceAll('/', '-')}`.slice(0, 40));
    }
    await page.reload();
    await page.getByRole('button', { name: 'English', pressed: true }).waitFor();
  });

  await step('signing out ends the session', async () => {
    await page.getByRole('button', { name: /^Account:/ }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    await look('english-sign-in');
  });
}

await step('no error reached the console', async () => ensure(noise.length === 0, noise.slice(0, 5).join(' | ')));

await context.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
