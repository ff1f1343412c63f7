import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, Problem } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { BulkOperation, BulkReply, RecordData } from '../../api/contract/records';
import type { Action } from '../../api/contract/shared';
import { byField, problemText } from '../../api/problems';
import { recordQuery } from '../../api/queries';
import { RefLink } from '../../fields/titles';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import { Confirm, Dialog } from '../../ui/dialog';
import { toast } from '../../ui/toasts';
import { refreshAround } from './mutations';
import { restore } from './removal';
import { TransitionDialog } from './transition-buttons';

/** What one request may carry; the contract's limit. */
const MOST = 1000;
/** More than this many are not brought back one by one from a toast; the recycle bin has them all. */
const UNDO_MOST = 50;

type Props = {
  view: ObjectView;
  rows: RecordData[];
  onChosen: (ids: ReadonlySet<string>) => void;
  onExport: () => void;
};
type Work = { title: string; kind: 'delete' | 'transition'; of: RecordData[]; operations: BulkOperation[] };
type Failed = { record: RecordData; text: string };

/** What can be done with the ticked rows together, and what became of each. */
export function BulkBar({ view, rows, onChosen, onExport }: Props) {
  const { t } = useTranslation('records');
  const client = useQueryClient();
  const [asked, setAsked] = useState<Action | 'delete' | null>(null);
  const [failed, setFailed] = useState<{ rows: Failed[]; done: number } | null>(null);
  const first = rows[0];
  // Rows of a list do not say what may be done with them; the first one stands for all, the server decides each.
  const sample = useQuery({ ...recordQuery(view.name, first?.id ?? ''), enabled: first !== undefined });
  const transitions = (sample.data?._actions ?? []).filter((one) => one.kind === 'transition' && one.allowed);
  const run = useMutation({
    mutationFn: ({ operations }: Work) =>
      api.post<BulkReply>(
        `${api.record(view.name)}/bulk`,
        { operations, atomic: false },
        { 'Idempotency-Key': randomId() },
      ),
    onSuccess: (reply, work) => {
      setAsked(null);
      const bad: Failed[] = [];
      const done: string[] = [];
      for (const [at, result] of reply.results.entries()) {
        const record = work.of[at];
        if (!record) continue;
        if (result.problem) bad.push({ record, text: whyOf(result.problem) });
        else done.push(record.id);
      }
      onChosen(new Set(bad.map((one) => one.record.id)));
      refreshAround(client, view.name);
      client.invalidateQueries({ queryKey: ['record', view.name] });
      if (bad.length > 0) setFailed({ rows: bad, done: reply.succeeded });
      else if (work.kind === 'delete') tellDeleted(done);
      else toast(t('bulk.done', { action: work.title, count: reply.succeeded }));
    },
    onError: (error) => {
      setAsked(null);
      toast(problemText(error), { tone: 'danger' });
    },
  });
  const tellDeleted = (ids: string[]) =>
    toast(t('bulk.deleted', { count: ids.length }), {
      action:
        ids.length > UNDO_MOST
          ? undefined
          : {
              label: t('undo'),
              run: () => {
                Promise.all(ids.map((id) => restore(client, view.name, id)))
                  .then(() => toast(t('bulk.restored', { count: ids.length })))
                  .catch((error: unknown) => toast(t('undoFailed', { why: problemText(error) }), { tone: 'danger' }));
              },
            },
    });
  const remove = () =>
    run.mutate({
      title: t('delete'),
      kind: 'delete',
      of: rows,
      operations: rows.map((row) => ({ op: 'delete', id: row.id, version: row.version })),
    });
  const pass = (action: Action, input: Record<string, unknown>) =>
    run.mutate({
      title: action.title,
      kind: 'transition',
      of: rows,
      operations: rows.map((row) => ({ op: 'transition', id: row.id, version: row.version, name: action.name, input })),
    });
  const tooMany = rows.length > MOST ? t('bulk.tooMany', { count: MOST }) : undefined;
  return (
    <section className="bulk" aria-label={t('bulk.title')}>
      <span className="bulk-count" role="status">
        {t('bulk.chosen', { count: rows.length })}
      </span>
      {transitions.map((action) => (
        <Button key={action.name} reason={tooMany} busy={run.isPending} onClick={() => setAsked(action)}>
          {action.title}
        </Button>
      ))}
      {view.rights?.export === false ? null : (
        <Button icon="download" onClick={onExport}>
          {t('export.button')}
        </Button>
      )}
      {view.rights?.delete ? (
        <Button look="danger" reason={tooMany} busy={run.isPending} onClick={() => setAsked('delete')}>
          {t('delete')}
        </Button>
      ) : null}
      <Button look="text" onClick={() => onChosen(new Set())}>
        {t('bulk.none')}
      </Button>
      {asked === 'delete' ? (
        <Confirm
          title={t('bulk.deleteTitle', { count: rows.length })}
          confirm={t('delete')}
          danger
          busy={run.isPending}
          onConfirm={remove}
          onClose={() => setAsked(null)}
        >
          <p>{t('bulk.deleteSure', { count: rows.length, object: view.plural ?? view.title })}</p>
        </Confirm>
      ) : null}
      {asked && asked !== 'delete' ? (
        <TransitionDialog
          key={asked.name}
          view={view}
          record={null}
          title={t('bulk.transitionTitle', { action: asked.title, count: rows.length })}
          action={asked}
          busy={run.isPending}
          error={null}
          onRun={(input) => pass(asked, input)}
          onClose={() => setAsked(null)}
        />
      ) : null}
      {failed ? (
        <Dialog title={t('bulk.result')} onClose={() => setFailed(null)} wide>
          <p>{t('bulk.summary', { done: failed.done, failed: failed.rows.length })}</p>
          <ul className="sentences bulk-failed">
            {failed.rows.map(({ record, text }) => (
              <li key={record.id}>
                <RefLink object={view.name} id={record.id} title={record._title ?? record.id} /> {text}
              </li>
            ))}
          </ul>
        </Dialog>
      ) : null}
    </section>
  );
}

function whyOf(body: Problem['body']): string {
  const problem = new Problem(body);
  return [problemText(problem), ...Object.values(byField(problem))].join(' ');
}
