import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, asProblem } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData, Refs } from '../../api/contract/records';
import { asDuplicates, asStale, byField, problemText, type Stale } from '../../api/problems';
import { objectQuery, recordQuery } from '../../api/queries';
import { sendAhead } from '../../fields/attachments';
import { failureOf } from '../../fields/explain';
import { fieldOf, isEditable, sectionsOf } from '../../fields/object';
import { Place } from '../../fields/place';
import { focusFirstError, missing, RecordForm, requiredFields, type Values } from '../../fields/record-form';
import { equal } from '../../lib/equal';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { PageHeader } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { toast } from '../../ui/toasts';
import { ConflictDialog, type Picks } from './conflict-dialog';
import { DuplicateNotice, useDuplicates } from './duplicates';
import { settleRecord } from './mutations';
import { TemplateChoice } from './template-choice';

export function NewRecordPage() {
  const { object } = useParams({ strict: false }) as { object: string };
  const { template } = useSearch({ strict: false }) as { template?: string };
  const { t } = useTranslation('records');
  const view = useQuery(objectQuery(object));
  if (!view.data) {
    return (
      <div className="page">
        {view.error ? (
          <FailureState failure={failureOf(view.error)} onRetry={() => view.refetch()} />
        ) : (
          <Skeleton rows={8} />
        )}
      </div>
    );
  }
  if (view.data.rights && !view.data.rights.create) {
    return (
      <div className="page">
        <PageState icon="lock" title={t('createForbidden', { object: view.data.title })} />
      </div>
    );
  }
  const templates = view.data.templates ?? [];
  const chosen = templates.find((one) => one.name === template) ?? (templates.length === 1 ? templates[0] : undefined);
  if (templates.length > 1 && !chosen) return <TemplateChoice view={view.data} />;
  return (
    <Form key={`${object}/${chosen?.name ?? ''}`} view={view.data} template={chosen?.name ?? null} record={null} />
  );
}

export function EditRecordPage() {
  const { object, id } = useParams({ strict: false }) as { object: string; id: string };
  const view = useQuery(objectQuery(object));
  const record = useQuery({
    ...recordQuery(object, id),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: 'always',
  });
  const [start, setStart] = useState<RecordData | null>(null);
  // The form starts from what was read when it opened; a later refresh must not change what is being typed.
  if (!start && record.data && !record.isFetching) setStart(record.data);
  if (view.data && start)
    return <Form key={`${object}/${id}`} view={view.data} template={start.template ?? null} record={start} />;
  const query = view.error ? view : record;
  return (
    <div className="page">
      {query.error ? (
        <FailureState failure={failureOf(query.error)} onRetry={() => query.refetch()} />
      ) : (
        <Skeleton rows={8} />
      )}
    </div>
  );
}

function startValues(view: ObjectView, template: string | null, record: RecordData | null): Values {
  if (record) return { ...record };
  const values: Values = {};
  for (const field of view.fields)
    if (isEditable(field) && field.default !== undefined && field.default !== null) values[field.name] = field.default;
  return { ...values, ...view.templates?.find((one) => one.name === template)?.defaults };
}

/** Rows of an `items` field without what the server only adds for reading. */
function plain(value: unknown): unknown {
  if (!Array.isArray(value)) return value ?? null;
  return value.map((row) =>
    row && typeof row === 'object'
      ? Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('_')))
      : row,
  );
}

/** Fields whose files wait to be sent are not empty. */
const filled = (held: Record<string, File[]>): Values =>
  Object.fromEntries(Object.entries(held).filter(([, files]) => files.length > 0));

/** What one press of the button wants written. */
type Attempt = { now: Values; at: number; accept: boolean };

function Form({ view, template, record }: { view: ObjectView; template: string | null; record: RecordData | null }) {
  const { t } = useTranslation('records');
  const navigate = useNavigate();
  const client = useQueryClient();
  const start = useMemo(() => startValues(view, template, record), [view, template, record]);
  const [values, setValues] = useState<Values>(start);
  const [version, setVersion] = useState(record?.version ?? 0);
  const [local, setLocal] = useState<Record<string, string>>({});
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [conflict, setConflict] = useState<Stale | null>(null);
  const saved = useRef(false);
  const attempt = useRef({ body: '', key: '' });

  const sections = useMemo(() => sectionsOf(view, template, record ? 'keep' : 'drop'), [view, template, record]);
  const shown = useMemo(() => sections.flatMap((section) => section.fields), [sections]);
  const required = useMemo(() => requiredFields(view, template), [view, template]);
  const changedIn = (now: Values) =>
    shown
      .filter((field) => isEditable(field) && !equal(plain(now[field.name]), plain(start[field.name])))
      .map((field) => field.name);
  const changed = changedIn(values);
  const [held, setHeld] = useState<Record<string, File[]>>({});
  const dirty = changed.length > 0 || Object.values(held).some((files) => files.length > 0);

  const createBody = (): Values => {
    const body: Values = {};
    for (const field of shown) {
      const value = plain(values[field.name]);
      if (isEditable(field) && value !== null) body[field.name] = value;
    }
    if (template) body.template = template;
    return body;
  };
  // What was sent once is not sent again when the server refuses the rest.
  const sent = useRef(new Map<File, string>());
  const sendHeld = async (): Promise<Values> => {
    const named: Values = {};
    for (const [field, files] of Object.entries(held).filter(([, files]) => files.length > 0)) {
      for (const file of files)
        if (!sent.current.has(file)) sent.current.set(file, (await sendAhead(view.name, field, file)).id);
      named[field] = files.map((file) => sent.current.get(file));
    }
    return named;
  };
  const alike = useDuplicates(view.name, shown, createBody, !record);

  const save = useMutation({
    mutationFn: async ({ now, at, accept }: Attempt): Promise<RecordData> => {
      if (record) {
        const body = Object.fromEntries(changedIn(now).map((name) => [name, plain(now[name])]));
        return api.patch<RecordData>(api.record(view.name, record.id), body, at);
      }
      const body = { ...createBody(), ...(await sendHeld()) };
      const text = JSON.stringify([body, accept]);
      if (attempt.current.body !== text) attempt.current = { body: text, key: randomId() };
      return api.post<RecordData>(
        api.record(view.name),
        body,
        { 'Idempotency-Key': attempt.current.key },
        { duplicates: accept ? 'accept' : undefined },
      );
    },
    onSuccess: async (answer, { now }) => {
      saved.current = true;
      settleRecord(client, view.name, answer);
      client.invalidateQueries({ queryKey: ['record', view.name, answer.id] });
      if (record) {
        const back = Object.fromEntries(changedIn(now).map((name) => [name, plain(start[name])]));
        toast(t('saved', { title: answer._title ?? '' }), {
          action: { label: t('undo'), run: () => undo(answer, back) },
        });
      } else toast(t('created', { title: answer._title ?? '' }));
      navigate({ to: '/records/$object/$id', params: { object: view.name, id: answer.id }, replace: true });
    },
    onError: async (error) => {
      setTouched(new Set());
      alike.setFound(asDuplicates(error) ?? alike.found);
      const stale = asStale(error);
      if (stale) {
        const now =
          stale.version === null
            ? await client.fetchQuery({ ...recordQuery(view.name, record?.id ?? ''), staleTime: 0 }).catch(() => null)
            : null;
        setConflict({ version: stale.version ?? now?.version ?? null, fields: stale.fields });
      } else setTimeout(() => focusFirstError(byField(error)), 0);
    },
  });
  const put = (accept = false) => save.mutate({ now: values, at: version, accept });

  /** Puts the former values back as one more change, at the version that was just answered. */
  const undo = (answer: RecordData, back: Values) => {
    api
      .patch<RecordData>(api.record(view.name, answer.id), back, answer.version)
      .then((restored) => {
        settleRecord(client, view.name, restored);
        client.invalidateQueries({ queryKey: ['record', view.name, answer.id] });
        toast(t('undone', { title: restored._title ?? '' }));
      })
      .catch((error: unknown) => toast(t('undoFailed', { why: problemText(error) }), { tone: 'danger' }));
  };

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (save.isPending) return;
    const found = missing(shown, required, { ...values, ...filled(held) }, t('requiredError'));
    setLocal(found);
    if (Object.keys(found).length > 0) {
      setTimeout(() => focusFirstError(found), 0);
      return;
    }
    if (record && !dirty) {
      saved.current = true;
      navigate({ to: '/records/$object/$id', params: { object: view.name, id: record.id }, replace: true });
      return;
    }
    put();
  };
  useSaveKey(submit);

  const server = save.error ? byField(save.error) : {};
  const errors: Record<string, string> = { ...local };
  for (const [path, text] of Object.entries(server)) if (!touched.has(path.split('/')[0] ?? path)) errors[path] = text;
  const drawn = new Set(shown.map((field) => field.name));
  const elsewhere = Object.entries(server).filter(([path]) => !drawn.has(path.split('/')[0] ?? path));

  const change = (name: string, value: unknown) => {
    setValues((before) => ({ ...before, [name]: value }));
    setTouched((before) => new Set([...before, name]));
    setLocal((before) =>
      Object.fromEntries(Object.entries(before).filter(([path]) => path !== name && !path.startsWith(`${name}/`))),
    );
  };
  const guard = useBlocker({
    shouldBlockFn: () => dirty && !saved.current,
    enableBeforeUnload: () => dirty && !saved.current,
    withResolver: true,
  });
  const settle = (picks: Picks) => {
    const theirs = Object.entries(picks).filter(([, pick]) => pick === 'theirs');
    const now = { ...values };
    for (const [name] of theirs) now[name] = start[name]; // left as it is over there, so it is not sent
    const at = conflict?.version ?? version;
    setValues(now);
    setVersion(at);
    setConflict(null);
    client.invalidateQueries({ queryKey: ['history', view.name] });
    if (changedIn(now).length > 0) save.mutate({ now, at, accept: false });
    else if (record) {
      saved.current = true;
      client.invalidateQueries({ queryKey: ['record', view.name, record.id] });
      toast(t('conflict.tookTheirs'));
      navigate({ to: '/records/$object/$id', params: { object: view.name, id: record.id }, replace: true });
    }
  };

  const chosen = view.templates?.find((one) => one.name === template);
  const heading = record
    ? t('editTitle', { title: record._title ?? '' })
    : t('newTitle', { object: chosen?.title ?? view.title });
  const count = Object.keys(errors).length;
  const place = {
    object: view.name,
    id: record?.id ?? null,
    mayEdit: true,
    held,
    hold: (field: string, files: File[]) => setHeld((before) => ({ ...before, [field]: files })),
  };
  return (
    <>
      <PageHeader
        title={heading}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/records/$object" params={{ object: view.name }} className="link">
              {view.plural ?? view.title}
            </Link>
          </nav>
        }
        after={
          !record && (view.templates?.length ?? 0) > 1 ? (
            <Link className="link" to="/records/$object/new" params={{ object: view.name }} search={{}}>
              {t('changeTemplate')}
            </Link>
          ) : null
        }
      />
      <form className="page page-form" onSubmit={submit} onBlur={alike.leave} noValidate aria-label={heading}>
        {chosen?.description && !record ? <p className="lead">{chosen.description}</p> : null}
        {save.error && !['stale_version', 'possible_duplicate'].includes(asProblem(save.error).code) ? (
          <div className="notice notice-danger" role="alert">
            <p>{problemText(save.error)}</p>
            {elsewhere.map(([path, text]) => (
              <p key={path}>{`${fieldOf(view, path)?.title ?? path}: ${text}`}</p>
            ))}
          </div>
        ) : null}
        <DuplicateNotice
          found={alike.found}
          refused={save.error !== null && asDuplicates(save.error) !== null}
          busy={save.isPending}
          onAccept={() => put(true)}
        />
        <Place value={place}>
          <RecordForm
            sections={sections}
            required={required}
            values={values}
            refs={record?._refs as Refs | undefined}
            errors={errors}
            onChange={change}
            fresh={!record}
          />
        </Place>
        <div className="form-foot">
          <span className="form-count" role="status">
            {count > 0 ? t('errorCount', { count }) : dirty ? t('unsaved') : ''}
          </span>
          <Link
            className="btn btn-default"
            {...(record
              ? { to: '/records/$object/$id', params: { object: view.name, id: record.id } }
              : { to: '/records/$object', params: { object: view.name } })}
          >
            {t('cancel')}
          </Link>
          <Button look="primary" type="submit" busy={save.isPending}>
            {record ? t('save') : t('createSave')}
          </Button>
        </div>
      </form>
      {conflict ? (
        <ConflictDialog
          view={view}
          stale={conflict}
          refs={record?._refs}
          busy={save.isPending}
          onSettle={settle}
          onClose={() => setConflict(null)}
        />
      ) : null}
      {guard.status === 'blocked' ? (
        <Confirm title={t('leaveTitle')} confirm={t('leave')} danger onConfirm={guard.proceed} onClose={guard.reset}>
          <p>{t('leaveSure')}</p>
        </Confirm>
      ) : null}
    </>
  );
}

/** Ctrl+S saves, as in every editor. */
function useSaveKey(save: () => void) {
  const latest = useRef(save);
  latest.current = save;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (
        event.key.toLowerCase() !== 's' ||
        !(event.ctrlKey || event.metaKey) ||
        document.querySelector('dialog[open]')
      )
        return;
      event.preventDefault();
      latest.current();
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, []);
}
