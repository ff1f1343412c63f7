import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import type { Action } from '../../api/contract/shared';
import { asStale, byField, problemText } from '../../api/problems';
import { recordQuery } from '../../api/queries';
import { fieldOf } from '../../fields/object';
import { FormFields, missing, type Values } from '../../fields/record-form';
import { equal } from '../../lib/equal';
import { isBlank, reader } from '../../lib/format';
import { utcToZoned } from '../../lib/zone';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { toast } from '../../ui/toasts';
import { useTransition } from './mutations';

type Props = { view: ObjectView; record: RecordData; object: string; id: string };

/** What may be done comes from `_actions`; what may not is shown with its reason. */
export function TransitionButtons({ view, record, object, id }: Props) {
  const { t } = useTranslation('records');
  const [asked, setAsked] = useState<Action | null>(null);
  const transition = useTransition(object, id);
  const client = useQueryClient();
  const actions = (record._actions ?? []).filter((action) => action.kind === 'transition');
  const ordered = [...actions].sort((a, b) => weight(a) - weight(b));

  const run = (action: Action, input: Values) =>
    transition.mutate(
      { action, version: record.version, input },
      {
        onSuccess: () => {
          setAsked(null);
          toast(t('transitionDone', { action: action.title }));
        },
        onError: (error) => {
          if (asStale(error)) {
            setAsked(null);
            client.invalidateQueries({ queryKey: recordQuery(object, id).queryKey });
            toast(t('staleTransition'), { tone: 'danger' });
          } else if (!hasDialog(action)) toast(problemText(error), { tone: 'danger' });
        },
      },
    );
  const lead = ordered.find((action) => action.primary && action.allowed) ?? null;
  return (
    <>
      {ordered.map((action) => (
        <Button
          key={action.name}
          look={action === lead ? 'primary' : action.destructive ? 'danger' : 'default'}
          reason={action.allowed ? undefined : (action.reason ?? t('notAllowed'))}
          busy={transition.isPending && transition.variables?.action.name === action.name}
          onClick={() => {
            transition.reset();
            if (hasDialog(action)) setAsked(action);
            else run(action, {});
          }}
        >
          {action.title}
        </Button>
      ))}
      {asked ? (
        <TransitionDialog
          key={asked.name}
          view={view}
          record={record}
          title={t('transitionTitle', { action: asked.title, title: record._title ?? '' })}
          action={asked}
          busy={transition.isPending}
          error={transition.error}
          onRun={(input) => run(asked, input)}
          onClose={() => setAsked(null)}
        />
      ) : null}
    </>
  );
}

const hasDialog = (action: Action) => Boolean(action.destructive) || (action.input?.length ?? 0) > 0;
const weight = (action: Action) => (action.destructive ? 2 : action.primary ? 0 : 1);

type DialogProps = {
  view: ObjectView;
  /** Missing when several records are carried on together. */
  record: RecordData | null;
  title: string;
  action: Action;
  busy: boolean;
  error: unknown;
  onRun: (input: Values) => void;
  onClose: () => void;
};

export function TransitionDialog({ view, record, title, action, busy, error, onRun, onClose }: DialogProps) {
  const { t } = useTranslation('records');
  const fields = (action.input ?? [])
    .map((name) => fieldOf(view, name))
    .filter((field) => field !== undefined)
    .map((field) => ({ ...field, read_only: false, system: false }));
  const must = new Set([
    ...(action.required ?? []),
    ...fields.filter((field) => field.required).map((field) => field.name),
  ]);
  const [local, setLocal] = useState<Record<string, string>>({});
  const [values, setValues] = useState<Values>(() => {
    const start: Values = {};
    for (const field of fields)
      start[field.name] =
        record && !isBlank(record[field.name])
          ? record[field.name]
          : (action.defaults?.[field.name] ?? proposed(field, must));
    return start;
  });
  const errors = { ...byField(error), ...local };
  const run = () => {
    const found = missing(fields, must, values, t('requiredError'));
    setLocal(found);
    if (Object.keys(found).length === 0) onRun(changedOnly(values, record));
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look={action.destructive ? 'danger' : 'primary'} busy={busy} onClick={run}>
            {action.title}
          </Button>
        </>
      }
    >
      {error ? (
        <p className="notice notice-danger" role="alert">
          {problemText(error)}
        </p>
      ) : null}
      {record && action.destructive ? (
        <p>{t('transitionSure', { action: action.title, title: record._title ?? '' })}</p>
      ) : null}
      {record || fields.length > 0 ? null : <p>{t('bulk.transitionSure')}</p>}
      {fields.length > 0 ? (
        <FormFields
          fields={fields}
          required={must}
          values={values}
          refs={record?._refs}
          errors={errors}
          onChange={(name, value) => setValues({ ...values, [name]: value })}
        />
      ) : null}
    </Dialog>
  );
}

/** What the person entered or changed; what the record already says need not be said again. */
function changedOnly(values: Values, record: RecordData | null): Values {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => !equal(value, record?.[name])));
}

/** A moment that must be told while something happens is most often now; the person sees it and may change it. */
function proposed(field: FieldView, must: ReadonlySet<string>): unknown {
  if (!must.has(field.name)) return null;
  const now = new Date().toISOString();
  if (field.type === 'date_time') return `${now.slice(0, 16)}:00Z`;
  return field.type === 'date' ? (utcToZoned(now, reader.zone)?.date ?? null) : null;
}
