import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test, vi } from 'vitest';
import { openApp } from '../test-app';

vi.mock('../ui/charts/chart', () => ({
  default: ({ name }: { name: string }) => <div role="img" aria-label={name} />,
}));

describe('session', () => {
  test('signs in, in Chinese by default, and refuses a wrong password in words', async () => {
    await openApp('/', { signedIn: false });
    const person = userEvent.setup();
    expect(document.documentElement.lang).toBe('zh-CN');
    await person.type(await screen.findByLabelText('用户名'), 'admin');
    await person.type(screen.getByLabelText('密码'), 'wrong');
    await person.click(screen.getByRole('button', { name: '登录' }));
    expect((await screen.findByRole('alert')).textContent).toContain('用户名或密码不正确');
    await person.type(screen.getByLabelText('密码'), 'packwork');
    await person.click(screen.getByRole('button', { name: '登录' }));
    expect(await screen.findByRole('heading', { name: '本月概览' })).toBeTruthy();
    expect(await screen.findByRole('img', { name: /按地区/ })).toBeTruthy();
  });

  test('an expired session asks to sign in over the form and then saves it', async () => {
    const { fake } = await openApp('/records/customer/new');
    const person = userEvent.setup();
    await person.type(await screen.findByLabelText(/编码/), 'C099');
    await person.type(screen.getByLabelText(/名称/), '新客户');
    fake.handle({ method: 'POST', path: '/api/v1/fake-expire', headers: { 'x-csrf-token': 'fake-csrf' } });
    await person.click(screen.getByRole('button', { name: '创建' }));
    const dialog = await screen.findByRole('dialog', { name: '请重新登录' });
    await person.type(within(dialog).getByLabelText('密码'), 'packwork');
    await person.click(within(dialog).getByRole('button', { name: '登录' }));
    expect(await screen.findByRole('heading', { name: '新客户' })).toBeTruthy();
    expect(fake.db.records.customer?.some((row) => row.code === 'C099')).toBe(true);
  });

  test('the language switch changes texts, `lang`, what the server is asked in, and is remembered', async () => {
    const { asked } = await openApp('/records/work_order');
    const person = userEvent.setup();
    expect(await screen.findByRole('heading', { name: '工单' })).toBeTruthy();
    await person.click(screen.getByRole('button', { name: 'English' }));
    expect(await screen.findByRole('heading', { name: 'Work orders' })).toBeTruthy();
    expect(document.documentElement.lang).toBe('en');
    expect(asked.at(-1)?.headers['accept-language']).toBe('en');
    expect(localStorage.getItem('packwork.language')).toBe('"en"');
  });
});

describe('lists', () => {
  test('rows, the currency in the column header, sorting and filtering in the URL', async () => {
    const { router, asked } = await openApp('/records/work_order');
    const person = userEvent.setup();
    const table = await screen.findByRole('table', { name: '工单' });
    expect(within(table).getByRole('columnheader', { name: /金额/ }).textContent).toContain('CNY');
    await person.click(within(table).getByRole('button', { name: /数量/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ sort: 'quantity' }));
    expect(asked.some((one) => one.query.sort === 'quantity')).toBe(true);
    await person.click(within(screen.getByRole('group', { name: '筛选' })).getByRole('button', { name: '状态' }));
    await person.click(await screen.findByRole('checkbox', { name: '草稿', hidden: true }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ f: { state: { in: ['draft'] } } }));
    await waitFor(() =>
      expect(asked.some((one) => one.query.filter === '{"and":[{"state":{"in":["draft"]}}]}')).toBe(true),
    );
  });

  test('keyboard: / to search, j to the first row', async () => {
    await openApp('/records/work_order');
    const person = userEvent.setup();
    await screen.findByRole('table', { name: '工单' });
    await person.keyboard('/');
    expect(document.activeElement).toBe(screen.getByRole('searchbox'));
    (document.activeElement as HTMLElement).blur();
    await person.keyboard('j');
    expect(document.activeElement?.textContent).toMatch(/^WO-/);
    await person.keyboard('?');
    expect(await screen.findByRole('dialog', { name: '快捷键' })).toBeTruthy();
  });

  test('an empty list says the next step; a broken one the code and a retry', async () => {
    await openApp('/records/expense');
    expect(await screen.findByText('还没有报销')).toBeTruthy();
    document.body.innerHTML = '';
    await openApp('/records/customer', {
      before: (asked) =>
        asked.path.endsWith('/records/customer')
          ? { status: 422, body: { code: 'bad_filter', detail: '筛选条件无法识别', status: 422 }, headers: {} }
          : undefined,
    });
    expect(await screen.findByText('筛选条件无法识别')).toBeTruthy();
    expect(screen.getByText(/bad_filter/)).toBeTruthy();
    expect(screen.getByRole('button', { name: '重试' })).toBeTruthy();
  });

  test('no permission is a page of its own', async () => {
    await openApp('/records/partner', {
      before: (asked) =>
        asked.path.includes('/objects/')
          ? { status: 403, body: { code: 'forbidden', status: 403 }, headers: {} }
          : undefined,
    });
    expect(await screen.findByText('没有权限')).toBeTruthy();
  });
});

describe('records', () => {
  test('a template is chosen, required fields are marked, and the new record shows where its price came from', async () => {
    await openApp('/records/work_order/new');
    const person = userEvent.setup();
    await person.click(await screen.findByRole('link', { name: /维修/ }));
    await person.click(await screen.findByRole('button', { name: '创建' }));
    expect((await screen.findAllByText('此项必填')).length).toBe(2);
    for (const [field, choice] of [
      ['客户', '星河物业'],
      ['服务项目', '空调维修'],
    ] as const) {
      const input = screen.getByRole('combobox', { name: new RegExp(`^${field}\\*?$`) });
      await person.click(input);
      await person.type(input, choice);
      await person.click(await screen.findByRole('option', { name: choice, hidden: true }));
    }
    const quantity = screen.getByRole('textbox', { name: /^数量/ });
    await person.clear(quantity);
    await person.type(quantity, '8');
    await person.click(screen.getByRole('button', { name: '创建' }));
    expect(await screen.findByRole('heading', { name: /WO-/ })).toBeTruthy();
    expect(await screen.findByText('8 × 95.00 = 760.00')).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '为什么：单价' }));
    expect(await screen.findByRole('complementary', { name: '单价 的由来' })).toBeTruthy();
    expect(await screen.findByText('计算过程')).toBeTruthy();
  });

  test('errors of the server stand at their field', async () => {
    await openApp('/records/work_order/wo-4/edit');
    const person = userEvent.setup();
    const quantity = await screen.findByRole('textbox', { name: /^数量/ });
    await person.clear(quantity);
    await person.type(quantity, '0');
    await person.click(screen.getByRole('button', { name: '保存' }));
    const error = await screen.findByText('数量必须大于 0');
    await waitFor(() => expect(quantity.getAttribute('aria-describedby')).toContain(error.id));
  });

  test('leaving a changed form asks first', async () => {
    const { router } = await openApp('/records/customer/c-1/edit');
    const person = userEvent.setup();
    await person.type(await screen.findByLabelText(/名称/), '！');
    await person.click(screen.getByRole('link', { name: '取消' }));
    const dialog = await screen.findByRole('dialog', { name: '离开此页？' });
    await person.click(within(dialog).getByRole('button', { name: '取消' }));
    expect(router.state.location.pathname).toBe('/records/customer/c-1/edit');
  });

  test('transitions come from the server’s actions: with input, with a reason when they cannot be', async () => {
    const { asked } = await openApp('/records/work_order/wo-4');
    const person = userEvent.setup();
    const complete = await screen.findByRole('button', { name: '完成' });
    expect(complete.getAttribute('aria-disabled')).toBe('true');
    expect(screen.getByRole('tooltip', { hidden: true }).textContent).toContain('当前状态不能进行此操作');
    await person.click(screen.getByRole('button', { name: '派单' }));
    const dialog = await screen.findByRole('dialog');
    await person.click(within(dialog).getByRole('button', { name: '派单' }));
    expect(await within(dialog).findByText('派单前须选择服务商')).toBeTruthy();
    await person.click(within(dialog).getByRole('combobox', { name: '服务商' }));
    await person.click(await within(dialog).findByRole('option', { name: /上海捷修/, hidden: true }));
    await person.click(within(dialog).getByRole('button', { name: '派单' }));
    expect(await screen.findByText('已派单')).toBeTruthy();
    const post = asked.findLast((one) => one.path.endsWith('/transitions/dispatch'));
    expect(post?.body).toMatchObject({ version: 1, input: { partner: 'p-1' } });
    expect(post?.headers['idempotency-key']).toBeTruthy();
  });

  test('an edit can be undone', async () => {
    const { fake } = await openApp('/records/customer/c-1/edit');
    const person = userEvent.setup();
    const row = () => fake.db.records.customer?.find((one) => one.id === 'c-1');
    const name = await screen.findByLabelText(/名称/);
    await person.clear(name);
    await person.type(name, '改名');
    await person.click(screen.getByRole('button', { name: '保存' }));
    await person.click(await screen.findByRole('button', { name: '撤销' }));
    await waitFor(() => expect(row()?.name).toBe('华东制冷设备有限公司'));
  });
});

describe('settlement', () => {
  test('a statement has its totals, its lines, why each, and its next step', async () => {
    await openApp('/statements/st-3');
    const person = userEvent.setup();
    expect(await screen.findByRole('heading', { name: /ST-/ })).toBeTruthy();
    expect(screen.getByText(/补付 14.00/)).toBeTruthy();
    await person.click((await screen.findAllByRole('button', { name: /为什么：WO/ }))[0] as HTMLElement);
    expect((await screen.findAllByText(/8 台 × 95.00 = 760.00/)).length).toBeGreaterThan(1);
    await person.click(screen.getByRole('button', { name: '确认' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '确认' }));
    expect(await screen.findByText('已确认')).toBeTruthy();
  });

  test('a line is disputed with a reason, and the dispute upheld', async () => {
    const { asked } = await openApp('/statements/st-3');
    const person = userEvent.setup();
    const dispute = await screen.findByRole('button', { name: /提出异议/ });
    expect(dispute.getAttribute('aria-disabled')).toBe('true');
    await person.click((await screen.findAllByRole('checkbox', { name: /WO-/ }))[0] as HTMLElement);
    await person.click(screen.getByRole('button', { name: /提出异议/ }));
    const dialog = await screen.findByRole('dialog');
    await person.type(within(dialog).getByLabelText(/原因/), '数量不对');
    await person.click(within(dialog).getByRole('button', { name: '提出异议' }));
    expect(await screen.findByText('1 条明细有异议')).toBeTruthy();
    expect(asked.findLast((one) => one.method === 'POST')?.body).toMatchObject({ reason: '数量不对' });
    await person.click(await screen.findByRole('button', { name: '异议成立' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '异议成立' }));
    expect((await screen.findAllByText('异议成立')).length).toBeGreaterThan(0);
    expect(screen.queryByText('1 条明细有异议')).toBe(null);
  });

  test('a period that is not ready says what is missing', async () => {
    await openApp('/periods');
    const person = userEvent.setup();
    await person.click((await screen.findAllByRole('button', { name: /关闭账期/ }))[0] as HTMLElement);
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '关账' }));
    expect(await screen.findByText('1 条业务记录待定价')).toBeTruthy();
    expect(await screen.findByRole('link', { name: 'WO-202611-00006' })).toBeTruthy();
  });

  test('a preview says what would happen and lists failures with a way there', async () => {
    const { asked } = await openApp('/runs');
    const person = userEvent.setup();
    const preview = await screen.findByRole('button', { name: '试算' });
    await waitFor(() => expect(preview.getAttribute('aria-disabled')).toBe(null));
    await person.click(preview);
    expect(await screen.findByText(/没有保存任何数据/)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'WO-202611-00006' })).toBeTruthy();
    expect(asked.findLast((one) => one.method === 'POST')?.body).toMatchObject({ plan: 'internal', mode: 'preview' });
  });

  test('amounts are grouped by what one chooses, the ledger by account', async () => {
    const { asked, router } = await openApp('/analysis');
    const person = userEvent.setup();
    expect(await screen.findByRole('link', { name: '安装' })).toBeTruthy();
    expect((await screen.findAllByText('-830.50')).length).toBeGreaterThan(0);
    const service = screen.getByRole('button', { name: '服务项目' });
    await person.click(service);
    expect(service.getAttribute('aria-pressed')).toBe('true'); // one at least
    await person.click(screen.getByRole('button', { name: '地区' }));
    expect(await screen.findByText('上海')).toBeTruthy();
    expect(router.state.location.search).toMatchObject({ by: 'service_item,region' });
    await person.click(screen.getByRole('button', { name: '账簿' }));
    expect(await screen.findByText('应付')).toBeTruthy();
    expect(asked.at(-1)?.path).toMatch(/settlement\/balances$/);
    expect(asked.at(-1)?.query).toMatchObject({ by: 'account' });
  });

  test('a tiered price is tried with a quantity', async () => {
    const { asked } = await openApp('/schedules');
    const person = userEvent.setup();
    await person.click(await screen.findByRole('link', { name: '联营阶梯' }));
    expect(await screen.findByText('10 以上')).toBeTruthy();
    const calculate = screen.getByRole('button', { name: '计算' });
    expect(calculate.getAttribute('aria-disabled')).toBe('true');
    await person.type(screen.getByLabelText('数量'), '12');
    await person.click(calculate);
    expect(await screen.findByText(/数量 12 的金额为 1,160/)).toBeTruthy();
    expect(asked.at(-1)?.body).toEqual({ quantities: ['12'], cumulate: false });
  });

  test('to-dos lead to their record and name the role by its title', async () => {
    await openApp('/tasks');
    expect((await screen.findAllByRole('link', { name: /维护价格|确认客户/ })).length).toBeGreaterThan(0);
    expect((await screen.findAllByText('价格维护')).length).toBeGreaterThan(0);
  });
});
