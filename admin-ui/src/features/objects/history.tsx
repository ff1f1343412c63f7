import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { HistoryEntry, RecordData } from '../../api/contract/records';
import type { Page } from '../../api/contract/shared';
import { failureOf } from '../../fields/explain';
import { allFields } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { formatDateTime, isBlank } from '../../lib/format';
import { Button } from '../../ui/button';
import { Card } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { AskMoment } from './as-of';

type Props = { view: ObjectView; record: RecordData; object: string; id: string };

/** Who did what when, newest first, each change in words with both values. */
export function History({ view, record, object, id }: Props) {
  const { t } = useTranslation('records');
  const history = useInfiniteQuery({
    queryKey: ['history', object, id],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<HistoryEntry>>(`${api.record(object, id)}/history`, { limit: 50, cursor: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const entries = (history.data?.pages.flatMap((page) => page.data) ?? []).sort((a, b) => b.at.localeCompare(a.at));
  return (
    <Card>
      <AskMoment object={object} id={id} />
      {history.isPending ? <Skeleton /> : null}
      {history.error ? (
        <FailureState failure={failureOf(history.error)} onRetry={() => history.refetch()} small />
      ) : null}
      {history.data && entries.length === 0 ? <PageState icon="list" title={t('history.empty')} small /> : null}
      <ol className="timeline">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} view={view} record={record} object={object} id={id} />
        ))}
      </ol>
      {history.hasNextPage ? (
        <div className="more">
          <Button busy={history.isFetchingNextPage} onClick={() => history.fetchNextPage()}>
            {t('history.older')}
          </Button>
        </div>
      ) : null}
    </Card>
  );
}

function Entry({ entry, view, record, object, id }: Props & { entry: HistoryEntry }) {
  const { t } = useTranslation('records');
  const fields = allFields(view);
  const changes = Object.entries(entry.changes ?? {}).filter(
    ([, change]) => !(isBlank(change.old) && isBlank(change.new)),
  );
  const action =
    entry.transition_title ?? record._actions?.find((one) => one.name === entry.transition)?.title ?? entry.transition;
  return (
    <li>
      <p className="timeline-head">
        <strong>{entry.actor?.title ?? t('history.system')}</strong> {t(`history.${entry.kind}`, { action })}
        <time dateTime={entry.at}>{formatDateTime(entry.at)}</time>
        <Link
          className="link timeline-then"
          to="/records/$object/$id"
          params={{ object, id }}
          search={{ at: entry.at }}
          aria-label={t('history.thenOf', { moment: formatDateTime(entry.at) })}
        >
          {t('history.then')}
        </Link>
      </p>
      {changes.length > 0 ? (
        <ul className="changes">
          {changes.map(([name, change]) => (
            <Change
              key={name}
              field={fields.find((one) => one.name === name) ?? { name, title: name, type: 'text' }}
              change={change}
              fresh={entry.kind === 'created'}
              record={record}
            />
          ))}
        </ul>
      ) : null}
    </li>
  );
}

type ChangeProps = {
  field: FieldView;
  change: { old: unknown; new: unknown };
  fresh: boolean;
  record: RecordData;
};

/** One field: `Quantity: from 2 to 3`, `Note: set to …`, `Note: cleared, was …`. */
function Change({ field, change, fresh, record }: ChangeProps) {
  const { t } = useTranslation('records');
  if (field.type === 'items') return <RowsChange field={field} change={change} />;
  const { Read, Cell = Read } = kindOf(field.type);
  const from = fresh || isBlank(change.old) ? null : <Cell field={field} value={change.old} refs={record._refs} />;
  const to = isBlank(change.new) ? null : <Cell field={field} value={change.new} refs={record._refs} />;
  return (
    <li>
      <span className="change-field">{field.title}</span>
      {from ? (
        <>
          <span className="change-word">{to ? t('history.from') : t('history.cleared')}</span>
          <span className="change-old">{from}</span>
        </>
      ) : null}
      {to ? (
        <>
          {fresh ? null : <span className="change-word">{from ? t('history.to') : t('history.set')}</span>}
          <span className="change-new">{to}</span>
        </>
      ) : null}
    </li>
  );
}

type Row = Record<string, unknown> & { id?: string };
const rowsOf = (value: unknown): Row[] => (Array.isArray(value) ? (value as Row[]) : []);

/** What became of owned rows, counted; the rows themselves are seen in the record as it stood. */
function RowsChange({ field, change }: Pick<ChangeProps, 'field' | 'change'>) {
  const { t } = useTranslation('records');
  const before = rowsOf(change.old);
  const after = rowsOf(change.new);
  const text = (row: Row) => JSON.stringify(Object.entries(row).filter(([name]) => !/^_|^version$|_at$/.test(name)));
  const kept = after.filter((row) => before.some((one) => one.id === row.id));
  const changed = kept.filter((row) => before.some((one) => one.id === row.id && text(one) !== text(row))).length;
  const counts = [
    [after.length - kept.length, 'history.rowsAdded'],
    [changed, 'history.rowsChanged'],
    [before.length - kept.length, 'history.rowsRemoved'],
  ] as const;
  return (
    <li>
      <span className="change-field">{field.title}</span>
      <span>
        {counts
          .filter(([count]) => count > 0)
          .map(([count, key]) => t(key, { count }))
          .join(t('history.comma'))}
      </span>
    </li>
  );
}
