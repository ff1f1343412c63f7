// What people do with records together, in the browser: two at one record, comments, files, deleting and
// bringing back, a file imported to its end and taken back, a list exported. Used by journey.mjs.
import { readFileSync } from 'node:fs';

export async function records({ page, base, step, look, ensure, main, heading, settled }) {
  const mark = Date.now().toString(36);
  const code = `E2E-${mark}`;
  const name = `端到端客户 ${mark}`;
  let address = '';

  const made = await step('a customer is made', async () => {
    await page.goto(`${base}/records/customer/new`);
    await main().getByRole('textbox', { name: /^编码/ }).fill(code);
    await main().getByRole('textbox', { name: /^(客户)?名称/ }).fill(name);
    await main().getByRole('button', { name: '创建' }).click();
    await heading(name).waitFor();
    address = new URL(page.url()).pathname;
    return code;
  });
  if (!made) return;

  await step('a conflict of two people is settled field by field', async () => {
    await page.goto(`${base}${address}/edit`);
    const note = main().getByRole('textbox', { name: /备注/ });
    await note.fill('我的备注');
    await page.evaluate(async (path) => {
      const { csrf } = await (await fetch('/api/v1/me')).json();
      const record = await (await fetch(`/api/v1${path}`)).json();
      const answer = await fetch(`/api/v1${path}`, {
        method: 'PATCH',
        headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, 'If-Match': `"${record.version}"` },
        body: JSON.stringify({ note: '对方的备注', contact: '对方填的联系人' }),
      });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    }, address);
    await main().getByRole('button', { name: '保存' }).click();
    const dialog = page.getByRole('dialog', { name: '记录已被他人修改' });
    await dialog.waitFor();
    await dialog.getByText('对方的备注').waitFor();
    await dialog.getByText('我的备注').waitFor();
    await look('conflict');
    await dialog.getByRole('radio', { name: /对方的/ }).check();
    await dialog.getByRole('radio', { name: /我的/ }).check();
    await dialog.getByRole('button', { name: '按所选保存' }).click();
    await heading(name).waitFor();
    await main().getByText('我的备注').first().waitFor();
    await main().getByText('对方填的联系人').first().waitFor(); // changed by the other person only: merged
  });

  await step('the history says so in words, and shows the record as it stood', async () => {
    await main().getByRole('tab', { name: /历史/ }).click();
    await main().getByText('对方填的联系人').first().waitFor();
    await look('history-words');
    await main().getByRole('link', { name: /时的记录$/ }).last().click();
    await main().getByText(/只能查看，不能修改/).waitFor();
    await settled();
    await look('as-of');
    await main().getByRole('link', { name: '回到现在' }).click();
    await main().getByRole('tab', { name: /详情/ }).waitFor();
  });

  await step('a comment names somebody, is edited and deleted', async () => {
    await main().getByRole('tab', { name: /评论/ }).click();
    const box = main().getByRole('combobox', { name: /写评论/ });
    await box.click();
    await page.keyboard.type('请看一下 @ad');
    await main().getByRole('option').first().waitFor();
    await look('mention');
    await page.keyboard.press('Enter');
    await page.keyboard.type('价格');
    await page.keyboard.press('Control+Enter');
    const said = main().getByRole('article').first();
    await said.getByText('价格').waitFor();
    await look('comments');
    await said.getByRole('button', { name: '编辑评论' }).click();
    await said.getByRole('combobox', { name: '编辑评论' }).fill('价格已核对');
    await said.getByRole('button', { name: '保存' }).click();
    await said.getByText('已编辑').waitFor();
    await said.getByRole('button', { name: '删除评论' }).click();
    await page.getByRole('dialog').getByRole('button', { name: '删除评论' }).click();
    await main().getByText('还没有评论').waitFor();
  });

  await step('a file is attached, downloaded and deleted; a program is refused', async () => {
    await main().getByRole('tab', { name: /附件/ }).click();
    const input = main().locator('input[type=file]');
    const text = `packwork ${mark}\n`;
    await input.setInputFiles({ name: '说明.txt', mimeType: 'text/plain', buffer: Buffer.from(text) });
    const link = main().getByRole('link', { name: '说明.txt' });
    await link.waitFor();
    await input.setInputFiles({ name: '坏.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('MZ\x90\0') });
    await main().getByRole('alert').waitFor();
    await look('attachments');
    const [file] = await Promise.all([page.waitForEvent('download'), link.click()]);
    ensure(readFileSync(await file.path(), 'utf8') === text, 'what came back is not what was sent');
    await main().getByRole('button', { name: '删除 说明.txt' }).click();
    await page.getByRole('dialog').getByRole('button', { name: '删除', exact: true }).click();
    await link.waitFor({ state: 'hidden' });
  });

  const remove = async () => {
    await main().getByRole('button', { name: '更多操作' }).click();
    await main().getByRole('button', { name: '删除', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: '删除', exact: true }).click();
    await page.getByRole('button', { name: '撤销' }).waitFor();
  };
  await step('a delete is undone, and undone again from the recycle bin', async () => {
    await page.goto(`${base}${address}`);
    await remove();
    await page.getByRole('button', { name: '撤销' }).click();
    await heading(name).waitFor();
    await remove();
    await page.goto(`${base}/records/customer?bin=true&q=${encodeURIComponent(code)}`);
    await main().getByRole('button', { name: `恢复 ${name}` }).waitFor();
    await look('bin');
    await main().getByRole('button', { name: `恢复 ${name}` }).click();
    await main().getByRole('button', { name: `恢复 ${name}` }).waitFor({ state: 'hidden' });
    await page.goto(`${base}${address}`);
    await heading(name).waitFor();
  });

  await step('several are deleted together', async () => {
    await page.goto(`${base}/records/customer?q=${encodeURIComponent(code)}`);
    await main().getByRole('checkbox', { name: `选择 ${name}` }).check();
    await look('bulk');
    const bar = main().getByRole('region', { name: '批量操作' });
    await bar.getByRole('button', { name: '删除' }).click();
    await page.getByRole('dialog').getByRole('button', { name: '删除', exact: true }).click();
    await page.getByText('已删除 1 条').waitFor();
    await page.getByRole('button', { name: '撤销' }).click();
    await main().getByRole('checkbox', { name: `选择 ${name}` }).waitFor();
  });

  await step('a CSV is imported to its end and taken back', async () => {
    await page.goto(`${base}/records/customer`);
    await main().getByRole('link', { name: '导入', exact: true }).click();
    await look('import-upload');
    const rows = ['编码,名称,联系电话', `${code}-1,甲 ${mark},021-11`, `${code}-2,乙 ${mark},021-22`, `,无编码 ${mark},021-33`];
    await main()
      .getByLabel(/选择 CSV/)
      .setInputFiles({ name: '客户.csv', mimeType: 'text/csv', buffer: Buffer.from(`\uFEFF${rows.join('\r\n')}`) });
    const next = main().getByRole('button', { name: '下一步：核对' });
    await next.waitFor();
    await main().getByText(`${code}-1`).first().waitFor(); // samples of the first rows
    await look('import-mapping');
    await next.click();
    const apply = main().getByRole('button', { name: '导入 2 行' });
    await apply.waitFor();
    await settled();
    await look('import-plan');
    await apply.click();
    await main().getByRole('heading', { name: '导入完成' }).waitFor();
    await settled();
    await look('import-done');
    await main().getByRole('button', { name: '撤回导入' }).click();
    await page.getByRole('dialog').getByRole('button', { name: '撤回导入' }).click();
    await main().getByRole('heading', { name: '导入已撤回' }).waitFor();
  });

  await step('the list is exported as it is filtered', async () => {
    await page.goto(`${base}/records/customer?q=${encodeURIComponent(code)}`);
    await main().getByRole('table').waitFor();
    await main().getByRole('button', { name: '导出', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: 'CSV', exact: true }).check();
    await look('export');
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: '导出', exact: true }).click(),
    ]);
    const lines = readFileSync(await file.path(), 'utf8').trim().split(/\r?\n/);
    ensure(lines.length === 2, `${lines.length} lines instead of a head and one customer`);
    ensure(lines[1].includes(code), `not the customer: ${lines[1]}`);
    return file.suggestedFilename();
  });

  await step('at 320 pixels the new pages are not cut off', async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    const tabs = ['history', 'comments', 'attachments'].map((tab) => `${address}?tab=${tab}`);
    for (const path of [...tabs, '/records/customer?bin=true', '/imports', '/imports/new?object=customer']) {
      await page.goto(`${base}${path}`);
      await main().getByRole('heading', { level: 1 }).first().waitFor();
      await settled();
      await look(`phone${path.replaceAll(/[/?=]/g, '-')}`.slice(0, 60));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      ensure(wide <= 320, `${path} is ${wide} pixels wide`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });
}
