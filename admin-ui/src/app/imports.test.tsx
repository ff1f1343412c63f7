import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import { problemsOf } from '../features/imports/mapping-step';
import { readRows } from '../features/imports/samples';
import { openApp } from '../test-app';

const csv = (...lines: string[]) => new File([lines.join('\n')], '客户.csv', { type: 'text/csv' });

async function begin(file: File) {
  const app = await openApp('/imports/new?object=customer');
  const person = userEvent.setup();
  await person.upload(await screen.findByLabelText('选择 CSV 或 XLSX 文件'), file);
  return { ...app, person };
}

describe('imports', () => {
  test('a file goes from upload over mapping and check into records, and back out', async () => {
    const { fake, asked, person } = await begin(
      csv('编码,名称,地区,备注', 'N1,新客户一,R1,x', 'N2,新客户二,R9,x', 'C001,华东改名,R2,x', 'N3,新客户三,R3,x'),
    );
    const region = (await screen.findByLabelText('“地区”对应的字段')) as HTMLSelectElement;
    expect(region.value).toBe('region');
    await waitFor(() => expect((screen.getByLabelText('“地区”按什么查找') as HTMLSelectElement).value).toBe('code'));
    expect(screen.getByText('R1、R9、R2')).toBeTruthy();
    expect((screen.getByLabelText('“备注”对应的字段') as HTMLSelectElement).value).toBe('note');
    await person.selectOptions(screen.getByLabelText('“备注”对应的字段'), '');
    await person.click(screen.getByRole('button', { name: '下一步：核对' }));
    const table = await screen.findByRole('table', { name: '核对结果' });
    expect(within(table).getByText(/没有“R9”/)).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '错误 1' }));
    await waitFor(() => expect(within(screen.getByRole('table')).getAllByRole('row').length).toBe(2));
    expect(fake.db.records.customer?.some((one) => one.code === 'N1')).toBe(false);
    await person.click(screen.getByRole('button', { name: '导入 3 行' }));
    expect(await screen.findByRole('progressbar', { name: '正在导入' })).toBeTruthy();
    expect(await screen.findByRole('heading', { name: '导入完成' })).toBeTruthy();
    expect(fake.db.records.customer?.find((one) => one.code === 'N1')?.region).toBe('r-1');
    expect(fake.db.records.customer?.find((one) => one.code === 'C001')?.name).toBe('华东改名');
    expect(fake.db.records.customer?.some((one) => one.code === 'N2')).toBe(false);
    expect(screen.getByRole('button', { name: '下载未导入的 1 行' })).toBeTruthy();
    await person.click(screen.getByRole('button', { name: '撤回导入' }));
    await person.click(within(await screen.findByRole('dialog')).getByRole('button', { name: '撤回导入' }));
    expect(await screen.findByRole('heading', { name: '导入已撤回' })).toBeTruthy();
    expect(fake.db.records.customer?.some((one) => one.code === 'N1')).toBe(false);
    expect(asked.filter((one) => one.path.endsWith('/plan')).at(-1)?.body).toMatchObject({
      mapping: { 编码: { field: 'code' }, 地区: { field: 'region', by: 'code' }, 备注: null },
      mode: 'upsert',
      by: 'code',
      duplicates: 'skip',
    });
  });

  test('an import that was stopped says so and goes on', async () => {
    const rows = Array.from({ length: 40 }, (_, n) => `S${n},客户${n}`);
    const { fake, person } = await begin(csv('编码,名称', ...rows));
    await person.click(await screen.findByRole('button', { name: '下一步：核对' }));
    await person.click(await screen.findByRole('button', { name: '导入 40 行' }));
    await person.click(await screen.findByRole('button', { name: '停止' }));
    expect(await screen.findByRole('heading', { name: '导入已停止' })).toBeTruthy();
    expect(fake.db.records.customer?.length).toBeLessThan(46);
    await person.click(screen.getByRole('button', { name: '继续导入' }));
    expect(await screen.findByRole('progressbar', { name: '正在导入' })).toBeTruthy();
  });

  test('a mapping that cannot work says why', async () => {
    const { person } = await begin(csv('编码,名称', 'N1,一'));
    await person.selectOptions(await screen.findByLabelText('“名称”对应的字段'), 'code');
    const next = screen.getByRole('button', { name: '下一步：核对' });
    expect(next.getAttribute('aria-disabled')).toBe('true');
    expect(screen.getAllByText(/有多列对应到同一字段：编码/).length).toBeGreaterThan(0);
    await person.selectOptions(screen.getByLabelText('“名称”对应的字段'), '');
    expect(screen.getByText(/必填字段没有对应的列：名称/)).toBeTruthy();
    await person.selectOptions(screen.getByLabelText('“编码”对应的字段'), '');
    expect(screen.getAllByText('请至少对应一列').length).toBeGreaterThan(0);
  });

  test('a file that is none is refused before it is sent', async () => {
    const { asked } = await begin(new File([''], '空.csv'));
    expect((await screen.findByRole('alert')).textContent).toBe('文件是空的');
    expect(asked.some((one) => one.path === '/api/v1/imports')).toBe(false);
  });

  test('no earlier imports say where to begin', async () => {
    await openApp('/imports');
    expect(await screen.findByText('还没有导入')).toBeTruthy();
  });
});

describe('the head of a file', () => {
  test.each([
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a;b\r\n"x;""y""";2',
      [
        ['a', 'b'],
        ['x;"y"', '2'],
      ],
    ],
    ['a\n"two\nlines"\n', [['a'], ['two\nlines']]],
    ['only', [['only']]],
    ['', []],
  ])('%j', (text, rows) => expect(readRows(text, 4)).toEqual(rows));
});

describe('a mapping', () => {
  const fields = [
    { name: 'code', title: '编码', type: 'text', required: true },
    { name: 'name', title: '名称', type: 'text', required: true },
    { name: 'vip', title: '重点', type: 'boolean', required: true, default: false },
  ];
  test.each([
    ['all', { a: { field: 'code' }, b: { field: 'name' } }, 'upsert', 'code', {}],
    ['name missing', { a: { field: 'code' } }, 'create', undefined, { missing: ['name'] }],
    ['an update needs no more than its key', { a: { field: 'code' } }, 'update', 'code', {}],
    ['key without column', { a: { field: 'name' } }, 'update', 'code', { keyMissing: true }],
    [
      'twice',
      { a: { field: 'code' }, b: { field: 'code' }, c: { field: 'name' } },
      'create',
      undefined,
      { twice: ['code'] },
    ],
    ['nothing', { a: null }, 'update', undefined, { nothing: true, keyMissing: true }],
  ] as const)('%s', (_, mapping, mode, by, expected) =>
    expect(problemsOf(mapping, mode, by, fields)).toEqual({
      twice: [],
      missing: [],
      keyMissing: false,
      nothing: false,
      ...expected,
    }),
  );
});
