// A small in-memory stand-in for the server, for looking at pages and for component tests. It answers
// docs/http.md with a few work orders; it never ships: nothing under src imports it except tests.
import { analysis } from './fake-analysis.mjs';
import { collaboration } from './fake-collaboration.mjs';
import { imports } from './fake-imports.mjs';
import { seed } from './seed.mjs';

const BASE = '/api/v1';
const money = (amount) => ({ amount, currency: 'CNY' });
const fixed = (value) => value.toFixed(2);

export function createFake({ signedIn = false, now = new Date() } = {}) {
  const db = seed(now);
  const sessions = new Set();
  let everyone = signedIn;
  let serial = 90;
  const fresh = () => {
    serial += 1;
    return `id-${serial}`;
  };
  const stamp = () => new Date().toISOString();
  const zh = (request) => !(request.headers['accept-language'] ?? 'zh-CN').startsWith('en');

  const reply = (status, body, headers = {}) => ({ status, body, headers });
  const problem = (status, code, detail, more = {}) =>
    reply(status, {
      type: `/docs/codes/${code}`,
      code,
      title: detail,
      status,
      detail,
      trace_id: 'fake-trace',
      ...more,
    });

  function titleOf(object, id) {
    const record = [...(db.records[object] ?? []), ...(db.deleted[object] ?? [])].find(
      (one) => one.id === id || one.code === id,
    );
    return record ? (record[db.objects[object].display] ?? record.id) : id;
  }
  function refsFor(object, record) {
    const refs = {};
    for (const field of db.objects[object].fields) {
      const value = record[field.name];
      if (field.type === 'reference' && value)
        refs[field.name] = { id: value, title: titleOf(field.to[0], value), object: field.to[0] };
    }
    for (const name of ['created_by', 'updated_by'])
      if (record[name]) refs[name] = { id: record[name], title: '系统管理员', object: 'user' };
    return refs;
  }
  function present(object, record, detail, chinese) {
    const out = { ...record, _title: titleOf(object, record.id), _refs: refsFor(object, record) };
    if (!detail) return out;
    out._actions = actions(object, record, chinese);
    if (object === 'work_order') {
      const lines = db.lines.filter((line) => line.fact.id === record.id).map((line) => withStatement(line));
      const status = lines.length === 0 ? (record.state === 'completed' ? 'pending' : 'none') : 'billed';
      const titles = { none: ['未结算', 'Not settled'], pending: ['待结算', 'Pending'], billed: ['已出账', 'Billed'] };
      out._settlement = {
        status,
        title: titles[status][chinese ? 0 : 1],
        lines,
        amount: lines.length ? money(fixed(lines.reduce((sum, line) => sum + Number(line.amount), 0))) : null,
      };
      out._trace = record.price
        ? {
            region: {
              sentence: chinese
                ? `取自客户“${titleOf('customer', record.customer)}”的所属地区`
                : 'Taken from the customer’s region',
            },
            price: {
              sentence: chinese
                ? `价格表“内部结算价”：${titleOf('region', record.region)} · ${titleOf('service_item', record.service)}`
                : 'Rate table “Internal price”: region · service',
              table: 'internal_price',
            },
            amount: {
              sentence: chinese
                ? `${record.quantity} × ${record.price.amount} = ${record.amount.amount}`
                : `${record.quantity} × ${record.price.amount} = ${record.amount.amount}`,
            },
          }
        : {};
    }
    return out;
  }
  const withStatement = (line) => {
    const statement = db.statements.find((one) => one.id === line.statement_id);
    return {
      ...line,
      statement: statement ? { id: statement.id, number: statement.number, status: statement.status } : undefined,
    };
  };
  function actions(object, record, chinese) {
    if (object !== 'work_order')
      return [
        { name: 'update', kind: 'update', title: chinese ? '编辑' : 'Edit', allowed: true },
        { name: 'delete', kind: 'delete', title: chinese ? '删除' : 'Delete', destructive: true, allowed: true },
      ];
    const wrong = chinese ? '当前状态不能进行此操作' : 'Not possible in this state';
    const all = [
      ['dispatch', '派单', 'Dispatch', ['draft'], true, false, ['partner', 'scheduled_at']],
      ['start', '开始', 'Start', ['dispatched'], true, false, []],
      ['complete', '完成', 'Complete', ['in_progress'], true, false, ['finished_at']],
      ['reopen', '重新打开', 'Reopen', ['completed', 'cancelled'], false, false, []],
      ['cancel', '取消工单', 'Cancel', ['draft', 'dispatched', 'in_progress'], false, true, ['note']],
    ];
    const shown = all
      .filter(([name, , , from]) => from.includes(record.state) || name === 'complete')
      .map(([name, cn, en, from, primary, destructive, input]) => ({
        name,
        kind: 'transition',
        title: chinese ? cn : en,
        primary,
        destructive,
        input,
        required: name === 'complete' ? ['finished_at'] : [],
        allowed: from.includes(record.state),
        ...(from.includes(record.state) ? {} : { reason: wrong }),
      }));
    return [
      ...shown,
      {
        name: 'update',
        kind: 'update',
        title: chinese ? '编辑' : 'Edit',
        primary: false,
        destructive: false,
        allowed: record.state !== 'completed',
        reason: wrong,
        input: [],
      },
      {
        name: 'delete',
        kind: 'delete',
        title: chinese ? '删除' : 'Delete',
        primary: false,
        destructive: true,
        allowed: record.state === 'draft',
        reason: wrong,
        input: [],
      },
    ];
  }
  function price(record) {
    const customer = db.records.customer.find((one) => one.id === record.customer);
    record.region = customer?.region ?? null;
    const row = record.region ? db.prices[`${record.region}/${record.service}`] : undefined;
    record.pricing = !record.region ? 'region_pending' : row ? 'priced' : 'price_pending';
    record.price = row ? money(row) : null;
    record.amount = row ? money(fixed(Number(row) * Number(record.quantity ?? 0))) : null;
  }
  function validate(object, body, template, chinese) {
    const view = db.objects[object];
    const required = new Set([
      ...view.fields.filter((field) => field.required).map((field) => field.name),
      ...(view.templates?.find((one) => one.name === template)?.required ?? []),
    ]);
    const errors = [];
    for (const name of required)
      if (body[name] === undefined || body[name] === null || body[name] === '')
        errors.push({ pointer: `/${name}`, code: 'required', message: chinese ? '此项必填' : 'a value is required' });
    if (body.quantity !== undefined && body.quantity !== null && !(Number(body.quantity) > 0))
      errors.push({
        pointer: '/quantity',
        code: 'out_of_range',
        message: chinese ? '数量必须大于 0' : 'the quantity must be above zero',
      });
    return errors.length
      ? problem(422, 'constraint_broken', chinese ? '有字段填写不正确' : 'some fields are wrong', { errors })
      : null;
  }
  const log = (object, id, kind, changes, transition) =>
    db.history.push({
      id: fresh(),
      object,
      record: id,
      at: stamp(),
      actor: { object: 'user', id: 'u-admin', title: '系统管理员' },
      kind,
      changes,
      transition,
    });
  function diff(before, after) {
    const changes = {};
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (['id', 'version', 'updated_at', 'updated_by', 'created_at', 'created_by', 'template'].includes(key)) continue;
      if (JSON.stringify(before[key] ?? null) !== JSON.stringify(after[key] ?? null))
        changes[key] = { old: before[key] ?? null, new: after[key] ?? null };
    }
    return changes;
  }
  function charge(record) {
    const partner = db.records.partner.find((one) => one.id === record.partner);
    if (!partner || !record.amount) return;
    const period = record.finished_at.slice(0, 7);
    let statement = db.statements.find(
      (one) => one.payee.id === partner.id && one.period === period && one.status === 'draft',
    );
    if (!statement) {
      statement = {
        id: fresh(),
        number: null,
        status: 'draft',
        payer: db.payer,
        payee: { object: 'partner', id: partner.id, title: partner.name },
        period,
        currency: 'CNY',
        version: 1,
        corrections: [],
        issued_at: null,
      };
      db.statements.unshift(statement);
    }
    const amount = Number(record.amount.amount);
    const net = amount / 1.06;
    db.lines.push({
      id: fresh(),
      plan: 'internal',
      line: 'service',
      kind: 'charge',
      fact: { object: 'work_order', id: record.id, title: record.number },
      payer: db.payer,
      payee: statement.payee,
      business_date: record.finished_at.slice(0, 10),
      period,
      service_period: period,
      quantity: record.quantity,
      amount: fixed(amount),
      tax: fixed(amount - net),
      net: fixed(net),
      tax_rate: '0.06',
      currency: 'CNY',
      dimensions: {
        service_item: { object: 'service_item', id: record.service, title: titleOf('service_item', record.service) },
      },
      statement_id: statement.id,
      posted_at: stamp(),
      sentence: `${record.quantity} 台 × ${record.price.amount} = ${record.amount.amount}，本月累计 8 台，再 2 台进入下一档`,
    });
  }
  function statementView(statement, chinese, withLines) {
    const lines = db.lines.filter((line) => line.statement_id === statement.id).map(withStatement);
    const sum = (name) => fixed(lines.reduce((total, line) => total + Number(line[name]), 0));
    const disputed = (statement.disputes ?? []).filter((dispute) => dispute.status === 'open');
    const held = fixed(disputed.reduce((total, dispute) => total + Number(dispute.amount), 0));
    const step = { kind: 'transition', primary: false, destructive: false, allowed: true };
    const next = {
      draft: ['issue', '出具', 'Issue'],
      issued: ['confirm', '确认', 'Confirm'],
      confirmed: ['pay', '登记付款', 'Record payment'],
    }[statement.status];
    return {
      ...statement,
      title: chinese
        ? `${statement.payee.title} ${statement.period} 结算单`
        : `${statement.payee.title} ${statement.period} statement`,
      gross: sum('amount'),
      tax: sum('tax'),
      net: sum('net'),
      line_count: lines.length,
      notes: disputed.length
        ? [chinese ? `${disputed.length} 条明细有异议` : `${disputed.length} line(s) are disputed`]
        : [],
      disputed: held,
      payable: fixed(Number(sum('amount')) - Number(held)),
      disputes: (statement.disputes ?? []).map((dispute) => ({
        ...dispute,
        _actions:
          dispute.status === 'open'
            ? [{ ...step, name: 'uphold', title: chinese ? '异议成立' : 'Uphold', input: ['note'] }]
            : [],
      })),
      _actions: next
        ? [
            {
              name: next[0],
              kind: 'transition',
              title: chinese ? next[1] : next[2],
              primary: true,
              destructive: false,
              allowed: lines.length > 0,
              ...(lines.length ? {} : { reason: '没有明细' }),
              input: [],
            },
            ...(statement.status === 'issued'
              ? [{ ...step, name: 'dispute', title: chinese ? '提出异议' : 'Dispute', input: ['lines', 'reason'] }]
              : []),
          ]
        : [],
      ...(withLines ? { lines } : {}),
    };
  }
  function explainLine(line, chinese) {
    return {
      sentence: line.sentence,
      tree: [
        {
          label: chinese ? '金额' : 'Amount',
          value: `CNY ${line.amount}`,
          children: [
            { label: chinese ? '数量' : 'Quantity', value: line.quantity },
            {
              label: chinese ? '单价' : 'Price',
              value: fixed(Number(line.amount) / Number(line.quantity || 1)),
              note: chinese
                ? '价格表“内部结算价”第 3 行，2026-01-01 起有效'
                : 'Rate table “Internal price”, row 3, valid from 2026-01-01',
              children: [
                { label: chinese ? '地区' : 'Region', value: chinese ? '华东' : 'East' },
                { label: chinese ? '服务项目' : 'Service', value: '', ref: line.dimensions?.service_item },
              ],
            },
          ],
        },
        {
          label: chinese ? '税额' : 'Tax',
          value: line.tax,
          note: chinese ? '价内税 6%，四舍五入到分' : '6% included, rounded to cents',
        },
        { label: chinese ? '工单' : 'Work order', value: '', ref: line.fact },
      ],
      trace: { plan: 'internal', line: line.line, table: 'internal_price', row: 'r3' },
    };
  }
  function matches(record, condition, types) {
    return Object.entries(condition).every(([key, operand]) => {
      if (key === 'and') return operand.every((one) => matches(record, one, types));
      const raw = record[key];
      const value = raw && typeof raw === 'object' ? raw.amount : raw;
      const number = ['decimal', 'money', 'integer'].includes(types[key]);
      const cast = (one) => (number ? Number(one) : String(one ?? ''));
      const plain = operand !== null && typeof operand === 'object' ? operand : { eq: operand };
      return Object.entries(plain).every(([op, wanted]) => {
        if (op === 'eq') return value === wanted;
        if (op === 'ne') return value !== wanted;
        if (op === 'in') return wanted.includes(value);
        if (op === 'contains') return String(value ?? '').includes(wanted);
        if (op === 'gte') return value != null && cast(value) >= cast(wanted);
        if (op === 'lte') return value != null && cast(value) <= cast(wanted);
        if (op === 'lt') return value != null && cast(value) < cast(wanted);
        if (op === 'this')
          return (
            String(value ?? '').slice(0, wanted === 'year' ? 4 : 7) === db.today.slice(0, wanted === 'year' ? 4 : 7)
          );
        if (op === 'last') return String(value ?? '').slice(0, 7) === db.lastMonth;
        if (op === 'today') return String(value ?? '').slice(0, 10) === db.today;
        return true;
      });
    });
  }
  function page(rows, query) {
    const limit = Number(query.limit ?? 50);
    const start = Number(query.cursor ?? 0);
    const data = rows.slice(start, start + limit);
    return {
      data,
      next_cursor: start + limit < rows.length ? String(start + limit) : null,
      count: query.count && query.count !== 'none' ? rows.length : null,
    };
  }

  function write(object, body) {
    const rows = db.records[object];
    const record = {
      id: fresh(),
      version: 1,
      state: db.objects[object].states?.[0]?.[0] ?? null,
      created_at: stamp(),
      updated_at: stamp(),
      created_by: 'u-admin',
      updated_by: 'u-admin',
      ...body,
    };
    if (object === 'work_order') {
      record.number = `WO-202611-${String(rows.length + 1).padStart(5, '0')}`;
      price(record);
    }
    for (const file of db.attachments)
      if (Array.isArray(body[file.field]) && body[file.field].includes(file.id)) file.of = `${object}/${record.id}`;
    rows.unshift(record);
    log(object, record.id, 'created', diff({}, record));
    return record;
  }
  /** Customers with the same phone are warned of, with the same name refused. */
  function lookAlikes(object, data, id, chinese) {
    if (object !== 'customer') return [];
    const found = (field) =>
      db.records.customer
        .filter((one) => data[field] && one[field] === data[field] && one.id !== id)
        .map((one) => ({ object, id: one.id, title: one.name }));
    return [
      ['same_phone', 'warn', found('phone'), chinese ? '电话相同' : 'Same phone'],
      ['same_name', 'block', found('name'), chinese ? '名称相同' : 'Same name'],
    ]
      .filter(([, , records]) => records.length > 0)
      .map(([rule, action, records, title]) => ({ rule, action, title, records, hidden: 0 }));
  }
  /** The record with every later change taken back. */
  function asOf(object, record, at, chinese) {
    const entries = db.history.filter((entry) => entry.object === object && entry.record === record.id);
    if (record.created_at > at && !entries.some((entry) => entry.at <= at))
      return problem(404, 'not_found', chinese ? '当时还没有这条记录' : 'it did not exist then');
    const then = { ...record };
    for (const entry of entries.filter((one) => one.at > at).reverse())
      for (const [name, change] of Object.entries(entry.changes ?? {})) then[name] = change.old;
    return reply(200, { ...present(object, then, false, chinese), _at: at });
  }
  function bulk(object, body, chinese) {
    const results = body.operations.map((one) => {
      const to = { update: ['PATCH'], delete: ['DELETE'], transition: ['POST', 'transitions', one.name] }[one.op];
      const [method, ...rest] = to ?? ['POST'];
      const answer = records(
        method,
        ['records', object, ...(one.id ? [one.id, ...rest] : [])],
        {
          query: {},
          headers: one.version ? { 'if-match': `"${one.version}"` } : {},
          body: one.op === 'transition' ? { version: one.version, input: one.input } : (one.data ?? {}),
        },
        chinese,
      );
      return answer.status < 300
        ? { status: answer.status, id: one.id ?? answer.body?.id, version: answer.body?.version }
        : { status: answer.status, id: one.id, problem: answer.body };
    });
    const failed = results.filter((one) => one.status >= 300).length;
    return reply(200, { results, succeeded: results.length - failed, failed });
  }

  function records(method, parts, request, chinese) {
    const [, object, id, verb, name] = parts;
    const view = db.objects[object];
    if (!view) return problem(404, 'unknown_object', chinese ? '没有这个对象' : 'there is no such object');
    const rows = db.records[object];
    const { query, body } = request;
    if (!id) {
      if (method === 'POST') {
        const bad = validate(object, body, body.template, chinese);
        if (bad) return bad;
        const alike = lookAlikes(object, body, undefined, chinese);
        if (alike.length > 0 && query.duplicates !== 'accept')
          return problem(409, 'possible_duplicate', chinese ? '已有相似的记录' : 'a record like this exists', {
            params: { data: alike },
          });
        const record = write(object, body);
        return reply(201, present(object, record, true, chinese), { ETag: '"1"' });
      }
      let found = query.deleted ? (db.deleted[object] ?? []) : rows;
      const types = Object.fromEntries(view.fields.map((field) => [field.name, field.type]));
      if (query.filter) found = found.filter((record) => matches(record, JSON.parse(query.filter), types));
      if (query.search) {
        const text = query.search.toLowerCase();
        found = found.filter((record) =>
          JSON.stringify([...Object.values(record), ...Object.values(refsFor(object, record)).map((ref) => ref.title)])
            .toLowerCase()
            .includes(text),
        );
      }
      if (query.sort) {
        const down = query.sort.startsWith('-');
        const key = query.sort.replace(/^-/, '').split(',')[0];
        const get = (record) =>
          record[key] && typeof record[key] === 'object'
            ? Number(record[key].amount)
            : ['decimal', 'integer'].includes(types[key])
              ? Number(record[key])
              : (record[key] ?? '');
        found = [...found].sort((a, b) => (get(a) < get(b) ? -1 : get(a) > get(b) ? 1 : 0) * (down ? -1 : 1));
      }
      return reply(
        200,
        page(
          found.map((record) => present(object, record, false, chinese)),
          query,
        ),
      );
    }
    if (id === 'bulk') return bulk(object, body, chinese);
    if (id === 'duplicates') return reply(200, { data: lookAlikes(object, body.data ?? {}, body.id, chinese) });
    const gone = db.deleted[object]?.find((one) => one.id === id);
    if (gone && verb === 'restore') {
      const key = view.key && rows.find((one) => one[view.key] === gone[view.key]);
      if (key)
        return problem(409, 'not_unique', chinese ? `“${gone[view.key]}”已被另一条记录占用` : 'the key was taken', {
          errors: [{ pointer: `/${view.key}`, code: 'not_unique' }],
        });
      db.deleted[object] = db.deleted[object].filter((one) => one !== gone);
      gone.version += 1;
      rows.unshift(gone);
      log(object, gone.id, 'restored', {});
      return reply(200, present(object, gone, true, chinese), { ETag: `"${gone.version}"` });
    }
    const record = rows.find((one) => one.id === id || one[view.key] === id);
    if (!record) return problem(404, 'not_found', chinese ? '没有找到' : 'not found');
    if (verb === 'comments') return people.comments(method, record, object, name, request, chinese);
    if (verb === 'attachments') return people.attachmentsOf(method, record, object, request, chinese);
    if (method === 'GET' && query.at) return asOf(object, record, query.at, chinese);
    const etag = { ETag: `"${record.version}"` };
    if (verb === 'history')
      return reply(
        200,
        page(db.history.filter((entry) => entry.object === object && entry.record === record.id).reverse(), query),
      );
    if (verb === 'explain') {
      const trace = present(object, record, true, chinese)._trace?.[name];
      return reply(200, {
        sentence:
          trace?.sentence ??
          (chinese ? '暂时无法计算：缺少地区或价格' : 'Cannot be computed yet: region or price is missing'),
        tree: record.price
          ? [
              {
                label: chinese ? '单价' : 'Price',
                value: `CNY ${record.price.amount}`,
                note: chinese
                  ? '价格表“内部结算价”，按地区和服务项目查得'
                  : 'Rate table “Internal price”, by region and service',
                children: [
                  {
                    label: chinese ? '地区' : 'Region',
                    value: '',
                    ref: { object: 'region', id: record.region, title: titleOf('region', record.region) },
                  },
                  {
                    label: chinese ? '服务项目' : 'Service',
                    value: '',
                    ref: { object: 'service_item', id: record.service, title: titleOf('service_item', record.service) },
                  },
                ],
              },
              { label: chinese ? '数量' : 'Quantity', value: record.quantity },
            ]
          : [],
        trace: { table: 'internal_price' },
      });
    }
    if (verb === 'transitions') {
      const action = actions(object, record, chinese).find((one) => one.name === name);
      if (!action?.allowed)
        return problem(
          409,
          'transition_not_allowed',
          chinese ? '当前状态不能进行此操作' : 'not possible in this state',
        );
      if (body.version !== undefined && body.version !== record.version)
        return problem(409, 'stale_version', chinese ? '记录已被他人修改' : 'changed by somebody else', {
          params: { version: record.version, fields: {} },
        });
      if (name === 'dispatch' && !body.input?.partner && !record.partner)
        return problem(422, 'constraint_broken', chinese ? '请选择服务商' : 'choose a partner', {
          errors: [
            {
              pointer: '/partner',
              code: 'required',
              message: chinese ? '派单前须选择服务商' : 'a partner is required',
            },
          ],
        });
      const before = { ...record };
      Object.assign(record, body.input ?? {}, {
        state: {
          dispatch: 'dispatched',
          start: 'in_progress',
          complete: 'completed',
          cancel: 'cancelled',
          reopen: 'in_progress',
        }[name],
        version: record.version + 1,
        updated_at: stamp(),
      });
      if (name === 'complete') {
        record.finished_at ??= stamp();
        charge(record);
      }
      log(object, record.id, 'transitioned', diff(before, record), action.title);
      return reply(200, present(object, record, true, chinese), { ETag: `"${record.version}"` });
    }
    if (method === 'PATCH') {
      const version = Number((request.headers['if-match'] ?? '').replaceAll('"', '')) || body.version;
      if (!version)
        return problem(428, 'version_required', chinese ? '必须说明所修改的版本' : 'the version must be given');
      const base = db.versions[`${record.id}/${version}`] ?? {};
      const same = (left, right) => JSON.stringify(left ?? null) === JSON.stringify(right ?? null);
      const fields = {};
      for (const [key, value] of Object.entries(body))
        if (version !== record.version && !same(value, record[key]) && !same(base[key], record[key]))
          fields[key] = { base: base[key] ?? null, yours: value, theirs: record[key] ?? null };
      if (Object.keys(fields).length > 0)
        return problem(409, 'stale_version', chinese ? '记录已被他人修改' : 'somebody else changed the record', {
          params: { version: record.version, fields },
        });
      const bad = validate(object, { ...record, ...body }, record.template, chinese);
      if (bad) return bad;
      const before = { ...record };
      Object.assign(record, body, { version: record.version + 1, updated_at: stamp(), updated_by: 'u-admin' });
      if (object === 'work_order') price(record);
      log(object, record.id, 'updated', diff(before, record));
      return reply(200, present(object, record, true, chinese), { ETag: `"${record.version}"` });
    }
    if (method === 'DELETE') {
      db.records[object] = rows.filter((one) => one !== record);
      db.deleted[object] = [...(db.deleted[object] ?? []), record];
      log(object, record.id, 'deleted', {});
      return reply(204);
    }
    db.versions[`${record.id}/${record.version}`] = { ...record };
    return reply(200, present(object, record, true, chinese), etag);
  }

  const tools = { db, reply, problem, fresh, stamp, page, titleOf, write };
  const people = collaboration(tools);
  const transfer = imports(tools);

  /** One request, one answer: `{status, body, headers}`, with `raw` instead of a body for files. */
  function handle({ method, path, query = {}, headers = {}, body, raw }) {
    const request = { query, headers, body: body ?? {}, raw };
    const chinese = zh(request);
    const parts = path.slice(BASE.length).split('/').filter(Boolean).map(decodeURIComponent);
    const token = /packwork_session=([\w-]+)/.exec(headers.cookie ?? '')?.[1];
    const me = () => ({ ...db.me, csrf: 'fake-csrf', menu: db.menu(chinese) });
    if (parts[0] === 'session') {
      if (method === 'DELETE') {
        sessions.delete(token);
        everyone = false;
        return reply(204);
      }
      if (request.body.user !== 'admin' || request.body.password !== 'packwork')
        return problem(401, 'bad_credentials', chinese ? '用户名或密码不正确' : 'user or password is wrong');
      const given = fresh();
      sessions.add(given);
      everyone = signedIn;
      return reply(
        200,
        { token: given, csrf: 'fake-csrf', expires_at: stamp(), user: me() },
        { 'Set-Cookie': `packwork_session=${given}; Path=/; HttpOnly; SameSite=Lax` },
      );
    }
    if (!everyone && !sessions.has(token))
      return problem(401, 'unauthenticated', chinese ? '请先登录' : 'sign in first');
    if (method !== 'GET' && headers['x-csrf-token'] !== 'fake-csrf') return problem(403, 'csrf_missing', 'csrf');
    if (parts[0] === 'me') return reply(200, me());
    if (parts[0] === 'fake-expire') {
      sessions.clear(); // what happens to everyone when sessions run out
      everyone = false;
      return reply(204);
    }
    if (parts[0] === 'objects')
      return db.objects[parts[1]]
        ? reply(200, db.view(parts[1], chinese))
        : problem(404, 'unknown_object', chinese ? '没有这个对象' : 'there is no such object');
    if (parts[0] === 'records') return records(method, parts, request, chinese);
    if (parts[0] === 'mentions') return people.mentions(method, parts[1], request);
    if (parts[0] === 'attachments' && method === 'POST')
      return people.attachmentsOf(method, null, request.query.object, request, chinese);
    if (parts[0] === 'attachments') return people.attachment(method, parts[1], chinese);
    if (parts[0] === 'imports') return transfer.handle(method, parts, request, chinese);
    if (parts[0] === 'exports') {
      const asked = {
        ...request.body,
        filter: request.body.filter && JSON.stringify(request.body.filter),
        sort: request.body.sort?.[0],
        limit: 100000,
      };
      const found = records('GET', ['records', request.body.object], { query: asked, headers, body: {} }, chinese);
      return found.status === 200 ? transfer.exportRows(request, found.body.data, chinese) : found;
    }
    if (parts[0] === 'tasks') {
      const data = db.records.work_order
        .filter((record) => record.pricing !== 'priced')
        .map((record) => ({
          id: `t-${record.id}`,
          kind: 'todo',
          code: record.pricing,
          title:
            record.pricing === 'price_pending'
              ? chinese
                ? `维护价格：${titleOf('service_item', record.service)}`
                : `Maintain the price: ${titleOf('service_item', record.service)}`
              : chinese
                ? '确认客户的地区'
                : 'Confirm the customer’s region',
          object: 'work_order',
          record: { object: 'work_order', id: record.id, title: record.number },
          created_at: record.created_at,
          role: 'pricing',
        }));
      return reply(200, { data, count: data.length });
    }
    if (parts[0] === 'statements') {
      if (!parts[1]) {
        const found = db.statements.filter(
          (one) =>
            (!query.period || one.period === query.period) &&
            (!query.status || one.status === query.status) &&
            (!query.payee || one.payee.id === query.payee),
        );
        return reply(
          200,
          page(
            found.map((one) => statementView(one, chinese, false)),
            query,
          ),
        );
      }
      if (parts[1] === 'positions') return reply(200, positions(query.period));
      const statement = db.statements.find((one) => one.id === parts[1]);
      if (!statement) return problem(404, 'not_found', chinese ? '没有找到' : 'not found');
      if (parts[2] === 'explain')
        return reply(200, {
          sentence: chinese ? '含税合计 = 各行金额之和' : 'Gross = the sum of the lines',
          tree: db.lines
            .filter((line) => line.statement_id === statement.id)
            .map((line) => ({ label: line.fact.title, value: line.amount, ref: line.fact })),
        });
      if (parts[2] === 'disputes') {
        statement.version += 1;
        const named = (statement.disputes ?? []).find((dispute) => dispute.id === parts[3]);
        if (named) Object.assign(named, { status: 'upheld', settled_at: stamp(), note: body.note });
        else
          statement.disputes = body.lines.map((line) => ({
            id: `d-${line}`,
            line,
            status: 'open',
            reason: body.reason,
            amount: db.lines.find((one) => one.id === line)?.amount ?? '0.00',
            opened_at: stamp(),
          }));
      } else if (parts[2]) {
        statement.status = { issue: 'issued', confirm: 'confirmed', pay: 'paid' }[parts[2]];
        statement.version += 1;
        if (parts[2] === 'issue') {
          statement.number = `ST-${statement.period.replace('-', '')}-0007`;
          statement.issued_at = stamp();
        }
      }
      return reply(200, statementView(statement, chinese, true));
    }
    if (parts[0] === 'settlement') {
      if (parts[1] === 'plans')
        return reply(200, {
          data: [
            {
              name: 'internal',
              title: chinese ? '服务商结算' : 'Partner settlement',
              period_calendar: 'month',
              object: 'work_order',
            },
          ],
        });
      const answer = analysis(parts.slice(1), query, request.body, chinese);
      if (answer) return reply(200, answer);
      if (parts[1] === 'periods') {
        if (parts[3] === 'close') {
          const period = db.periods.find((one) => one.name === parts[2]);
          if (period.name === db.today.slice(0, 7))
            return problem(409, 'period_not_ready', chinese ? '账期尚不能关闭' : 'the period cannot be closed yet', {
              params: {
                checklist: [
                  { check: 'facts_without_lines', ok: true, count: 0 },
                  { check: 'pending_prices', ok: false, count: 1 },
                ],
                examples: [
                  { plan: 'internal', object: 'work_order', fact: 'wo-6', code: 'price_pending', detail: '待定价' },
                ],
              },
            });
          Object.assign(period, { status: 'closed', closed_at: stamp() });
          return reply(200, period);
        }
        return reply(200, { data: db.periods });
      }
      if (parts[1] === 'lines') {
        const found = db.lines
          .filter(
            (line) =>
              (!query.statement || line.statement_id === query.statement) &&
              (!query.fact || line.fact.id === query.fact),
          )
          .map(withStatement);
        if (!parts[2]) return reply(200, page(found, query));
        const line = db.lines.find((one) => one.id === parts[2]);
        if (!line) return problem(404, 'not_found', 'not found');
        return reply(200, parts[3] === 'explain' ? explainLine(line, chinese) : withStatement(line));
      }
      if (parts[1] === 'runs') {
        if (parts[3] === 'cancel') {
          const run = db.runs.find((one) => one.id === parts[2]);
          if (run?.status !== 'running') return problem(409, 'run_ended', 'the run has ended');
          run.status = 'cancelled';
          return reply(202, run);
        }
        if (method === 'POST') {
          const run = {
            id: fresh(),
            plan: 'internal',
            period: request.body.period,
            mode: request.body.mode ?? 'commit',
            status: 'partial',
            started_at: stamp(),
            finished_at: stamp(),
            facts: 24,
            lines: 5,
            reversed: 0,
            unchanged: 18,
            amount: '2460.00',
            currency: 'CNY',
            units: 4,
            failures: [
              {
                unit: 'wo-6',
                fact: { object: 'work_order', id: 'wo-6', title: 'WO-202611-00006' },
                code: 'price_pending',
                detail: chinese
                  ? '待定价：价格表中没有“华南 · 压缩机更换”的价格'
                  : 'No price for this region and service',
              },
            ],
            statements: ['st-1', 'st-2'],
          };
          if (run.mode === 'commit') db.runs.unshift(run);
          return reply(200, run);
        }
        if (parts[2])
          return reply(
            200,
            db.runs.find((run) => run.id === parts[2]),
          );
        return reply(200, page(db.runs, query));
      }
    }
    if (parts[0] === 'dashboards')
      return reply(
        200,
        db.dashboard(chinese, { todos: db.records.work_order.filter((record) => record.pricing !== 'priced').length }),
      );
    return problem(404, 'no_such_route', 'no such route');
  }
  return { handle, db };
}

/** Two stores that owe each other. */
function positions(period) {
  const [payer, payee] = ['浦东店', '静安店'].map((title, place) => ({
    object: 'department',
    id: `store-${place}`,
    title,
  }));
  const of = { definition: 'store_month', title: period, currency: 'CNY', payer, payee };
  const amounts = { owed: '700.00', counter: '500.00', net: '200.00', open: '200.00' };
  const statements = ['st-3', 'st-4'].map((id) => ({
    id,
    number: null,
    status: 'draft',
    payee: payee.id,
    gross: '700.00',
  }));
  return {
    period,
    data: [{ ...of, ...amounts, statements }],
    totals: [{ currency: 'CNY', moved: '1200.00', net: '200.00', open: '200.00' }],
  };
}
