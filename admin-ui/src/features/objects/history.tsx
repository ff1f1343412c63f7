import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { HistoryEntry, RecordData } from '../../api/contract/records';
import { failureOf } from '../../fields/explain';
import { allFields } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { formatDateTime, isBlank } from '../../lib/format';
import { Card } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';

type Props = { view: ObjectView; record: RecordData; object: string; id: string };

/** Who did what when, newest first, each change with both values. */
export function History({ view, record, object, id }: Props) {
  const { t } = useTranslation('records');
  const history = useQuery({
    queryKey: ['history', object, id],
    queryFn: ({ signal }) => api.get<{ data: HistoryEntry[] }>(`${api.record(object, id)}/history`, undefined, signal),
  });
  const entries = [...(history.data?.data ?? [])].sort((a, b) => b.at.localeCompare(a.at));
  return (
    <Card>
      {history.isPending ? <Skeleton /> : null}
      {history.error ? (
        <FailureState failure={failureOf(history.error)} onRetry={() => history.refetch()} small />
      ) : null}
      {history.data && entries.length === 0 ? <PageState icon="list" title={t('history.empty')} small /> : null}
      <ol className="timeline">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} view={view} record={record} />
        ))}
      </ol>
    </Card>
  );
}

function Entry({ entry, view, record }: { entry: HistoryEntry; view: ObjectView; record: RecordData }) {
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
      </p>
      {changes.length > 0 ? (
        <ul className="changes">
          {changes.map(([name, change]) => {
            const field = fields.find((one) => one.name === name) ?? { name, title: name, type: 'text' };
            const kind = kindOf(field.type);
            const Cell = kind.Cell ?? kind.Read;
            return (
              <li key={name}>
                <span className="change-field">{field.title}</span>
                {entry.kind === 'created' ? null : (
                  <>
                    <span className="change-old">
                      <span className="sr-only">{t('history.from')}</span>
                      <Cell field={field} value={change.old} refs={record._refs} />
                    </span>
                    <span aria-hidden="true">→</span>
                  </>
                )}
                <span className="change-new">
                  <span className="sr-only">{t('history.to')}</span>
                  <Cell field={field} value={change.new} refs={record._refs} />
                </span>
              </li>
            );
          })}
        </ul>
      ) : null}
    </li>
  );
}
