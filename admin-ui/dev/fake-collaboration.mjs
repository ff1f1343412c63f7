// The fake server's comments, mentions and attachments: what people leave on a record.
const MAX_BYTES = 5_000_000;

export function collaboration({ db, reply, problem, fresh, stamp, page }) {
  const me = { object: 'user', id: db.me.id, title: db.me.name };
  const shown = (comment) => ({
    id: comment.id,
    text: comment.text,
    author: comment.author,
    mentions: comment.mentions,
    created_at: comment.created_at,
    edited_at: comment.edited_at,
    mine: comment.author.id === me.id,
  });
  const mentioned = (text) =>
    [...text.matchAll(/@([a-z0-9][a-z0-9._-]*)/g)]
      .map((match) => db.records.user.find((one) => one.login === match[1]))
      .filter(Boolean)
      .map((one) => ({ object: 'user', id: one.id, title: one.name }));

  function comments(method, record, object, id, request, chinese) {
    const here = db.comments.filter((one) => one.record.id === record.id && one.record.object === object);
    if (!id && method === 'GET') return reply(200, page([...here].reverse().map(shown), request.query));
    if (!id) {
      const text = String(request.body.text ?? '').trim();
      if (!text)
        return problem(422, 'constraint_broken', chinese ? '评论不能为空' : 'a comment needs a text', {
          errors: [{ pointer: '/text', code: 'required' }],
        });
      const comment = {
        id: fresh(),
        text,
        author: me,
        mentions: mentioned(text),
        created_at: stamp(),
        edited_at: null,
        record: { object, id: record.id, title: record.number ?? record.name ?? record.id },
        read: true,
      };
      db.comments.push(comment);
      return reply(201, shown(comment));
    }
    const comment = here.find((one) => one.id === id);
    if (!comment) return problem(404, 'not_found', chinese ? '没有找到' : 'not found');
    if (comment.author.id !== me.id)
      return problem(403, 'forbidden', chinese ? '只能修改自己的评论' : 'only the author may change a comment');
    if (method === 'DELETE') {
      db.comments = db.comments.filter((one) => one !== comment);
      return reply(204);
    }
    Object.assign(comment, {
      text: request.body.text,
      mentions: mentioned(request.body.text),
      edited_at: stamp(),
    });
    return reply(200, shown(comment));
  }

  function mentions(method, verb, request) {
    const mine = db.comments.filter((one) => one.mentions.some((ref) => ref.id === me.id)).reverse();
    if (method === 'POST' && verb === 'read') {
      for (const one of mine) one.read = true;
      return reply(204);
    }
    const listed = page(
      mine.map((one) => ({ comment: shown(one), record: one.record, read: one.read })),
      request.query,
    );
    return reply(200, { ...listed, unread: mine.filter((one) => !one.read).length });
  }

  function attachmentsOf(method, record, object, request, chinese) {
    if (method === 'GET')
      return reply(200, {
        data: db.attachments
          .filter((one) => one.of === `${object}/${record.id}`)
          .map(({ of: _, bytes: __, ...one }) => one),
      });
    const bytes = request.raw ?? '';
    if (bytes.length > MAX_BYTES)
      return problem(413, 'body_too_large', chinese ? '文件太大' : 'the file is too large', {
        params: { maximum: MAX_BYTES },
      });
    const name = request.query.name ?? 'file';
    if (/\.(exe|bat|html?)$/i.test(name))
      return problem(415, 'bad_file_type', chinese ? '不接受这种文件' : 'files of this type are not accepted', {
        params: { type: 'application/x-msdownload' },
      });
    const types = { pdf: 'application/pdf', png: 'image/png', jpg: 'image/jpeg', csv: 'text/csv', txt: 'text/plain' };
    const made = {
      id: fresh(),
      name,
      type: types[name.split('.').at(-1).toLowerCase()] ?? 'application/octet-stream',
      size: bytes.length,
      sha256: 'fake',
      field: request.query.field ?? null,
      uploaded_by: me,
      uploaded_at: stamp(),
      of: record && `${object}/${record.id}`,
      bytes,
    };
    db.attachments.push(made);
    const { of: _, bytes: __, ...answer } = made;
    return reply(201, answer);
  }

  function attachment(method, id, chinese) {
    const found = db.attachments.find((one) => one.id === id);
    if (!found) return problem(404, 'not_found', chinese ? '没有找到' : 'not found');
    if (method === 'DELETE') {
      db.attachments = db.attachments.filter((one) => one !== found);
      return reply(204);
    }
    return {
      ...reply(200, undefined, {
        'Content-Type': found.type,
        'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(found.name)}`,
      }),
      raw: found.bytes,
    };
  }
  return { comments, mentions, attachmentsOf, attachment };
}
