// The fake server's imports and exports. Work advances by a step each time it is looked at.
const STEP = 3;

export function imports({ db, reply, problem, fresh, stamp, page, titleOf, write }) {
  const me = { object: 'user', id: db.me.id, title: db.me.name };
  const cells = (line) => line.split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));
  const shown = ({ lines: _, results: __, ...one }) => ({ ...one });

  function advance(job) {
    if (job.status === 'planning') {
      job.status = 'planned';
      plan(job);
    } else if (job.status === 'applying') {
      for (const row of job.results.filter((one) => !one.applied).slice(0, STEP)) apply(job, row);
      job.done = job.results.filter((one) => one.applied).length;
      job.counts.applied = job.results.filter((one) => one.written).length;
      if (job.done === job.rows) job.status = 'applied';
    } else if (job.status === 'reverting') {
      for (const row of job.results)
        if (row.outcome === 'create' && row.written)
          db.records[job.object] = db.records[job.object].filter((one) => one.id !== row.record.id);
      job.status = 'reverted';
      job.counts.kept = job.results.filter((one) => one.outcome === 'update' && one.written).length;
    }
  }
  function plan(job) {
    const rows = db.records[job.object];
    const view = db.objects[job.object];
    job.results = job.lines.slice(1).map((line, at) => {
      const values = {};
      const errors = [];
      for (const [n, column] of job.columns.entries()) {
        const to = job.mapping[column];
        if (to && cells(line)[n]) values[to.field] = cells(line)[n];
      }
      for (const [column, to] of Object.entries(job.mapping)) {
        const field = view.fields.find((one) => one.name === to?.field);
        if (field?.type === 'reference' && values[field.name]) {
          const found = db.records[field.to[0]].find((one) => one[to.by ?? 'name'] === values[field.name]);
          if (found) values[field.name] = found.id;
          else
            errors.push({ column, field: field.name, code: 'bad_reference', message: `没有“${values[field.name]}”` });
        }
      }
      for (const field of view.fields)
        if (field.required && !values[field.name] && job.mode !== 'update')
          errors.push({ column: null, field: field.name, code: 'required', message: `${field.zh}：此项必填` });
      const same = job.by && rows.find((one) => one[job.by] === values[job.by]);
      const outcome = errors.length
        ? 'error'
        : same
          ? job.mode === 'create'
            ? 'duplicate'
            : 'update'
          : job.mode === 'update'
            ? 'skip'
            : 'create';
      return {
        row: at + 2,
        outcome,
        values,
        errors,
        record: same ? { object: job.object, id: same.id, title: titleOf(job.object, same.id) } : null,
      };
    });
    job.counts = { create: 0, update: 0, skip: 0, duplicate: 0, error: 0 };
    for (const row of job.results) job.counts[row.outcome] += 1;
    job.rows = job.results.length;
    job.done = 0;
  }
  function apply(job, row) {
    row.applied = true;
    if (row.outcome === 'create') {
      const made = write(job.object, row.values);
      row.record = { object: job.object, id: made.id, title: titleOf(job.object, made.id) };
      row.written = true;
    } else if (row.outcome === 'update') {
      Object.assign(
        db.records[job.object].find((one) => one.id === row.record.id),
        row.values,
      );
      row.written = true;
    }
  }

  function upload(request, chinese) {
    const object = request.query.object;
    const text =
      typeof request.raw === 'string' ? request.raw : new TextDecoder().decode(request.raw ?? new Uint8Array());
    const lines = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .filter(Boolean);
    if (lines.length === 0) return problem(422, 'bad_import_file', chinese ? '文件是空的' : 'the file is empty');
    const names = cells(lines[0]);
    const fields = db.objects[object].fields;
    const mapping = {};
    for (const name of names) {
      const field = fields.find((one) => [one.name, one.zh, one.en].includes(name) && !one.read_only);
      mapping[name] = field ? { field: field.name, ...(field.type === 'reference' ? { by: 'code' } : {}) } : null;
    }
    const job = {
      id: fresh(),
      object,
      name: request.query.name,
      format: request.query.name.endsWith('.xlsx') ? 'xlsx' : 'csv',
      encoding: 'UTF-8',
      columns: names,
      mapping,
      mode: db.objects[object].key ? 'upsert' : 'create',
      by: db.objects[object].key,
      status: 'uploaded',
      rows: lines.length - 1,
      done: 0,
      counts: null,
      created_at: stamp(),
      created_by: me,
      lines,
      results: [],
    };
    db.imports.unshift(job);
    return reply(201, shown(job));
  }

  function handle(method, parts, request, chinese) {
    const [, id, verb] = parts;
    if (!id && method === 'POST') return upload(request, chinese);
    if (!id)
      return reply(
        200,
        page(
          db.imports.filter((one) => !request.query.object || one.object === request.query.object).map(shown),
          request.query,
        ),
      );
    if (id === 'template') {
      const titles = db.objects[request.query.object].fields
        .filter((field) => !field.read_only && field.type !== 'items')
        .map((field) => (chinese ? field.zh : field.en));
      return {
        ...reply(200, undefined, {
          'Content-Type': 'text/csv',
          'Content-Disposition': `attachment; filename="${request.query.object}.csv"`,
        }),
        raw: `\uFEFF${titles.join(',')}\r\n`,
      };
    }
    const job = db.imports.find((one) => one.id === id);
    if (!job) return problem(404, 'not_found', chinese ? '没有找到' : 'not found');
    if (method === 'GET' && !verb) {
      advance(job);
      return reply(200, shown(job));
    }
    if (verb === 'rows') {
      const found = job.results.filter((row) => !request.query.outcome || row.outcome === request.query.outcome);
      return reply(
        200,
        page(
          found.map(({ applied: _, written: __, ...row }) => row),
          request.query,
        ),
      );
    }
    if (verb === 'errors.csv')
      return {
        ...reply(200, undefined, { 'Content-Type': 'text/csv' }),
        raw: job.results
          .filter((row) => row.outcome === 'error')
          .map((row) => `${job.lines[row.row - 1]},${row.errors.map((one) => one.message).join('; ')}`)
          .join('\r\n'),
      };
    if (verb === 'plan') {
      Object.assign(job, request.body, { status: 'planning', done: 0 });
      return reply(202, shown(job));
    }
    const next = { apply: 'applying', cancel: 'cancelled', resume: 'applying', revert: 'reverting' }[verb];
    if (!next) return problem(404, 'no_such_route', 'no such route');
    job.status = next;
    return reply(202, shown(job));
  }

  function exportRows(request, rows, chinese) {
    const { object, fields = [], format } = request.body;
    const titles = fields.map((name) => {
      const field = db.objects[object].fields.find((one) => one.name === name);
      return field ? (chinese ? field.zh : field.en) : name;
    });
    const text = (value) =>
      value && typeof value === 'object' ? (value.amount ?? JSON.stringify(value)) : (value ?? '');
    const raw =
      format === 'ndjson'
        ? rows.map((row) => JSON.stringify(row)).join('\n')
        : `\uFEFF${[titles, ...rows.map((row) => fields.map((name) => text(row[name])))].map((line) => line.join(',')).join('\r\n')}\r\n`;
    return {
      ...reply(200, undefined, {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="${object}.${format}"`,
      }),
      raw,
    };
  }
  return { handle, exportRows };
}
