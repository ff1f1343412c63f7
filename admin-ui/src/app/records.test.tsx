import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test, vi } from 'vitest';
import { openApp } from '../test-app';

const order = '/records/work_order/wo-4';

describe('two people at one record', () => {
  test('what differs is shown with its base, chosen field by field, and saved', async () => {
    const { fake, asked } = await openApp(`${order}/edit`);
    const person = userEvent.setup();
    const note = await screen.findByRole('textbox', { name: /备注/ });
    await person.clear(note);
    await person.type(note, '我的备注');
    const quantity = screen.getByRole('textbox', { name: /^数量/ });
    await person.clear(quantity);
    await person.type(quantity, '3');
    const row = fake.db.records.work_order?.find((one) => one.id === 'wo-4');
    if (row) Object.assign(row, { note: '对方的备注', quantity: '7', version: row.version + 1 });
    await person.click(screen.getByRole('button', { name: '保存' }));
    const dialog = await screen.findByRole('dialog', { name: '记录已被他人修改' });
    const side = within(within(dialog).getByRole('group', { name: '备注' }));
    expect(side.getByText('客户要求上午上门，先电话联系。')).toBeTruthy();
    expect(side.getByText('我的备注')).toBeTruthy();
    await person.click(side.getByRole('radio', { name: /对方的/ }));
    await person.click(within(dialog).getByRole('button', { name: '按所选保存' }));
    await waitFor(() => expect(row).toMatchObject({ note: '对方的备注', quantity: '3' }));
    const last = asked.findLast((one) => one.method === 'PATCH');
    expect(last?.body).toEqual({ quantity: '3' });
    expect(last?.headers['if-match']).toBe('"2"');
  });

  test('changes of other fields are merged without a word', async () => {
    const { fake } = await openApp(`${order}/edit`);
    const person = userEvent.setup();
    const note = await screen.findByRole('textbox', { name: /备注/ });
    await person.type(note, '！');
    const row = fake.db.records.work_order?.find((one) => one.id === 'wo-4');
    if (row) Object.assign(row, { quantity: '7', version: row.version + 1 });
    await person.click(screen.getByRole('button', { name: '保存' }));
    await waitFor(() => expect(row?.note).toContain('！'));
    expect(row?.quantity).toBe('7');
    expect(screen.queryByRole('dialog')).toBe(null);
  });

  test('taking everything of the other person sends nothing', async () => {
    const { fake, asked } = await openApp(`${order}/edit`);
    const person = userEvent.setup();
    const note = await screen.findByRole('textbox', { name: /备注/ });
    await person.type(note, '！');
    const row = fake.db.records.work_order?.find((one) => one.id === 'wo-4');
    if (row) Object.assign(row, { note: '对方的', version: row.version + 1 });
    await person.click(screen.getByRole('button', { name: '保存' }));
    const dialog = await screen.findByRole('dialog', { name: '记录已被他人修改' });
    await person.click(within(dialog).getByRole('radio', { name: /对方的/ }));
    await person.click(within(dialog).getByRole('button', { name: '按所选保存' }));
    expect(await screen.findByRole('tab', { name: '详情' })).toBeTruthy();
    expect(row?.note).toBe('对方的');
    expect(asked.filter((one) => one.method === 'PATCH').length).toBe(1);
  });
});

describe('history', () => {
  test('says in words what changed, and shows the record as it stood', async () => {
    const { fake, router } = await openApp(`${order}/edit`);
    const person = userEvent.setup();
    const quantity = await screen.findByRole('textbox', { name: /^数量/ });
    await person.clear(quantity);
    await person.type(quantity, '9');
    await person.click(screen.getByRole('button', { name: '保存' }));
    await waitFor(() => expect(fake.db.records.work_order?.find((one) => one.id === 'wo-4')?.quantity).toBe('9'));
    await person.click(await screen.findByRole('tab', { name: '历史' }));
    const entries = await screen.findAllByRole('listitem');
    expect(entries.some((one) => /数量.*由.*5.*改为.*9/.test(one.textContent ?? ''))).toBe(true);
    const links = screen.getAllByRole('link', { name: /时的记录$/ });
    await person.click(links.at(-1) as HTMLElement);
    const then = await screen.findByRole('region', { name: '历史时点' });
    expect(then.textContent).toContain('不能修改');
    const differs = await waitFor(() => {
      const found = document.querySelector('.fact-differs');
      expect(found).toBeTruthy();
      return found;
    });
    expect(differs?.textContent).toMatch(/数量5.*现在：.*9/);
    expect(screen.queryByRole('link', { name: '编辑' })).toBe(null);
    await person.click(screen.getByRole('link', { name: '回到现在' }));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
  });

  test('a moment before there was a record is answered in words', async () => {
    await openApp(`${order}?at=2020-01-01T00:00:00Z`);
    expect(await screen.findByText('当时还没有这条记录')).toBeTruthy();
  });
});

describe('comments', () => {
  test('are written with a mention by keyboard, edited and deleted', async () => {
    const { fake } = await openApp(`${order}?tab=comments`);
    const person = userEvent.setup();
    const box = await screen.findByRole('combobox', { name: /写评论/ });
    await person.type(box, '请 @ch');
    expect(await screen.findByRole('option', { name: /陈静/ })).toBeTruthy();
    // Whoever types on does not wait for the caret.
    await person.keyboard('{Enter}看一下');
    expect((box as HTMLTextAreaElement).value).toBe('请 @chen 看一下');
    await person.keyboard('{Control>}{Enter}{/Control}');
    const mine = await screen.findByRole('article', { name: '系统管理员 的评论' });
    expect(fake.db.comments.at(-1)?.mentions).toMatchObject([{ id: 'u-chen' }]);
    expect(within(mine).getByText('@chen').className).toBe('mention');
    await person.click(within(mine).getByRole('button', { name: '编辑评论' }));
    const editor = within(mine).getByRole('combobox', { name: '编辑评论' });
    await person.type(editor, '，急');
    await person.click(within(mine).getByRole('button', { name: '保存' }));
    expect(await screen.findByText('已编辑')).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '删除评论' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '删除评论' }));
    await waitFor(() => expect(fake.db.comments.length).toBe(1));
    // what somebody else wrote can neither be edited nor deleted here
    expect(screen.queryByRole('button', { name: '编辑评论' })).toBe(null);
  });

  test('the inbox counts what is unread and looking at it is reading it', async () => {
    const { fake, router } = await openApp('/tasks');
    const person = userEvent.setup();
    await person.click(await screen.findByRole('button', { name: '提到我的：1 条未读' }));
    const item = await screen.findByRole('link', { name: /李伟.*客户说下午才在家/, hidden: true });
    await waitFor(() => expect(fake.db.comments[0]?.read).toBe(true));
    expect(await screen.findByRole('button', { name: '提到我的' })).toBeTruthy();
    await person.click(item);
    await waitFor(() => expect(router.state.location.href).toBe(`${order}?tab=comments`));
  });
});

describe('attachments', () => {
  const files = async (person: ReturnType<typeof userEvent.setup>, ...chosen: File[]) =>
    person.upload(await screen.findByLabelText('选择文件'), chosen);

  test('are sent, listed with their size, refused in words, and deleted after asking', async () => {
    const { fake } = await openApp(`${order}?tab=attachments`);
    const person = userEvent.setup();
    await files(person, new File(['x'.repeat(1234)], '合同.pdf'), new File(['x'], '坏.exe'));
    expect(await screen.findByRole('link', { name: '合同.pdf' })).toBeTruthy();
    expect(screen.getByText('1.2 kB')).toBeTruthy();
    expect((await screen.findByRole('alert')).textContent).toBe('不接受这种文件');
    await person.click(screen.getByRole('button', { name: '移除 坏.exe' }));
    await person.click(screen.getByRole('button', { name: '删除 合同.pdf' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '删除' }));
    expect(await screen.findByText('还没有附件')).toBeTruthy();
    expect(fake.db.attachments).toEqual([]);
  });

  test('a proxy that only says 413 is put into words', async () => {
    await openApp(`${order}?tab=attachments`, {
      before: (asked) =>
        asked.method === 'POST' && asked.path.endsWith('/attachments') ? { status: 413, headers: {} } : undefined,
    });
    await files(userEvent.setup(), new File(['x'], '大.pdf'));
    expect((await screen.findByRole('alert')).textContent).toBe('文件太大，服务器不接受');
  });

  test('chosen in a new record they wait for it and belong to their field', async () => {
    const { fake } = await openApp('/records/work_order/new?template=repair');
    const person = userEvent.setup();
    for (const [field, choice] of [
      ['客户', '星河物业'],
      ['服务项目', '空调维修'],
    ] as const) {
      const input = await screen.findByRole('combobox', { name: new RegExp(`^${field}\\*?$`) });
      await person.type(input, choice);
      await person.click(await screen.findByRole('option', { name: choice, hidden: true }));
    }
    await files(person, new File(['x'], '现场.png', { type: 'image/png' }));
    expect(await screen.findByText('保存后上传')).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '创建' }));
    expect(await screen.findByRole('heading', { name: /WO-/ })).toBeTruthy();
    expect(fake.db.attachments).toMatchObject([{ name: '现场.png', field: 'photos' }]);
    expect(await screen.findByRole('link', { name: '现场.png' })).toBeTruthy();
  });
});

describe('deleting and bringing back', () => {
  const remove = async (person: ReturnType<typeof userEvent.setup>) => {
    await person.click(await screen.findByRole('button', { name: '更多操作' }));
    await person.click(await screen.findByRole('button', { name: '删除', hidden: true }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '删除' }));
  };

  test('a delete is done at once and can be undone', async () => {
    const { fake, router } = await openApp('/records/customer/c-1');
    const person = userEvent.setup();
    await remove(person);
    const undo = await screen.findByRole('button', { name: '撤销' });
    expect(fake.db.records.customer?.some((one) => one.id === 'c-1')).toBe(false);
    await person.click(undo);
    await waitFor(() => expect(fake.db.records.customer?.some((one) => one.id === 'c-1')).toBe(true));
    await waitFor(() => expect(router.state.location.pathname).toBe('/records/customer/c-1'));
  });

  test('the recycle bin restores, and says why it cannot', async () => {
    const { fake } = await openApp('/records/customer/c-1');
    const person = userEvent.setup();
    await remove(person);
    await person.click(await screen.findByRole('button', { name: '更多操作' }));
    await person.click(await screen.findByRole('link', { name: '回收站', hidden: true }));
    expect(await screen.findByRole('heading', { name: '回收站：客户' })).toBeTruthy();
    const other = fake.db.records.customer?.[0];
    if (other) other.code = 'C001';
    await person.click(await screen.findByRole('button', { name: /^恢复 / }));
    const notice = await screen.findByRole('alert');
    expect(notice.textContent).toContain('“C001”已被另一条记录占用');
    expect(notice.textContent).toContain('请先修改或删除那条记录');
    if (other) other.code = 'C900';
    await person.click(screen.getByRole('button', { name: /^恢复 / }));
    expect(await screen.findByText('回收站是空的')).toBeTruthy();
    expect(screen.queryByRole('alert')).toBe(null);
  });
});

describe('duplicates', () => {
  test('are warned of when a field is left, and can be created anyway', async () => {
    const { fake, asked } = await openApp('/records/customer/new');
    const person = userEvent.setup();
    await person.type(await screen.findByLabelText(/编码/), 'C777');
    await person.type(screen.getByLabelText(/名称/), '另一家');
    await person.type(screen.getByLabelText(/电话/), '021-5555 0100');
    await person.tab();
    expect(await screen.findByRole('link', { name: /华东制冷设备有限公司/ })).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '创建' }));
    const accept = await within(await screen.findByRole('alert')).findByRole('button', { name: '仍然创建' });
    await person.click(accept);
    expect(await screen.findByRole('heading', { name: '另一家' })).toBeTruthy();
    expect(asked.findLast((one) => one.path === '/api/v1/records/customer')?.query).toBeDefined();
    expect(fake.db.records.customer?.some((one) => one.code === 'C777')).toBe(true);
  });

  test('what blocks cannot be passed by', async () => {
    await openApp('/records/customer/new');
    const person = userEvent.setup();
    await person.type(await screen.findByLabelText(/编码/), 'C778');
    await person.type(screen.getByLabelText(/名称/), '星河物业');
    await person.click(screen.getByRole('button', { name: '创建' }));
    const notice = await screen.findByRole('alert');
    expect(notice.textContent).toContain('不允许重复创建');
    expect(within(notice).queryByRole('button')).toBe(null);
  });
});

describe('several at once', () => {
  test('are carried on together; what fails stays ticked with its reason', async () => {
    const { asked } = await openApp('/records/work_order');
    const person = userEvent.setup();
    const boxes = await screen.findAllByRole('checkbox', { name: /^选择 WO-/ });
    await person.click(boxes[0] as HTMLElement);
    fireEvent.click(boxes[2] as HTMLElement, { shiftKey: true });
    const bar = await screen.findByRole('region', { name: '批量操作' });
    expect(within(bar).getByRole('status').textContent).toBe('已选 3 条');
    await person.click(await within(bar).findByRole('button', { name: '取消工单' }));
    const dialog = await screen.findByRole('dialog', { name: '取消工单：所选 3 条' });
    await person.click(within(dialog).getByRole('button', { name: '取消工单' }));
    const result = await screen.findByRole('dialog', { name: '处理结果' });
    expect(result.textContent).toMatch(/成功 1 条，未成功 2 条/);
    expect(within(result).getAllByText(/当前状态不能进行此操作/).length).toBe(2);
    const sent = asked.findLast((one) => one.path.endsWith('/bulk'))?.body as { operations: unknown[] };
    expect(sent.operations).toMatchObject([{ op: 'transition', name: 'cancel', version: 1 }, {}, {}]);
  });

  test('are deleted together and brought back', async () => {
    const { fake } = await openApp('/records/customer');
    const person = userEvent.setup();
    await person.click(await screen.findByRole('checkbox', { name: '选择全部已加载的行' }));
    await person.click(within(screen.getByRole('region', { name: '批量操作' })).getByRole('button', { name: '删除' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '删除' }));
    await waitFor(() => expect(fake.db.records.customer?.length).toBe(0));
    await person.click(await screen.findByRole('button', { name: '撤销' }));
    await waitFor(() => expect(fake.db.records.customer?.length).toBe(6));
  });
});

describe('lists', () => {
  test('a capped count says that there are more', async () => {
    await openApp('/records/customer', {
      before: (asked) =>
        asked.path === '/api/v1/records/customer'
          ? {
              status: 200,
              body: { data: [{ id: 'x', version: 1, name: '甲', _title: '甲' }], count: 1000, count_capped: true },
              headers: {},
            }
          : undefined,
    });
    expect(await screen.findByText('1,000+ 条')).toBeTruthy();
  });

  test('columns behind a reference are asked for by name', async () => {
    const { asked } = await openApp('/records/work_order');
    const person = userEvent.setup();
    await screen.findByRole('table', { name: '工单' });
    await person.click(screen.getByRole('button', { name: '列' }));
    const more = screen.getByText('客户 的字段').closest('details') as HTMLDetailsElement;
    more.open = true;
    fireEvent(more, new Event('toggle'));
    await person.click(await screen.findByRole('checkbox', { name: '客户 · 电话', hidden: true }));
    expect(await screen.findByRole('columnheader', { name: '客户 · 电话' })).toBeTruthy();
    expect(asked.some((one) => one.query.fields?.split(',').includes('customer.phone'))).toBe(true);
  });

  test('of many rows only those in sight are drawn', async () => {
    const rows = Array.from({ length: 1000 }, (_, n) => ({
      id: `${n}`,
      version: 1,
      name: `客户${n}`,
      _title: `客户${n}`,
    }));
    await openApp('/records/customer', {
      before: (asked) =>
        asked.path === '/api/v1/records/customer'
          ? { status: 200, body: { data: rows, count: 1000 }, headers: {} }
          : undefined,
    });
    const table = await screen.findByRole('table', { name: '客户' });
    expect(table.getAttribute('aria-rowcount')).toBe('1001');
    await waitFor(() => expect(within(table).getAllByRole('row').length).toBeLessThan(100));
  });

  test('are exported with their filter and the chosen columns', async () => {
    const made: Blob[] = [];
    URL.createObjectURL = (blob) => {
      made.push(blob as Blob);
      return 'blob:test';
    };
    URL.revokeObjectURL = () => undefined;
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined);
    const { asked } = await openApp('/records/work_order?f={"state":{"in":["draft"]}}&sort=-quantity');
    const person = userEvent.setup();
    await screen.findByRole('table', { name: '工单' });
    await person.click(screen.getByRole('button', { name: '导出' }));
    const dialog = await screen.findByRole('dialog', { name: '导出工单' });
    await person.click(within(dialog).getByRole('radio', { name: 'CSV' }));
    await person.click(within(dialog).getByRole('checkbox', { name: '数量' }));
    await person.click(within(dialog).getByRole('button', { name: '导出' }));
    await waitFor(() => expect(click).toHaveBeenCalled());
    expect(asked.findLast((one) => one.path === '/api/v1/exports')?.body).toMatchObject({
      object: 'work_order',
      filter: { and: [{ state: { in: ['draft'] } }] },
      sort: ['-quantity'],
      fields: expect.not.arrayContaining(['quantity']),
      format: 'csv',
      titles: true,
    });
    expect(made.length).toBe(1);
    expect(await screen.findByText('导出完成，文件已下载')).toBeTruthy();
    click.mockRestore();
  });
});
