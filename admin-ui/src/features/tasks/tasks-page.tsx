import { queryOptions, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Task } from '../../api/contract/session';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatCount, formatDateTime } from '../../lib/format';
import { type Column, DataTable } from '../../ui/data-table';
import { Card, PageHeader } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';

export const tasksQuery = queryOptions({
  queryKey: ['tasks', 'todo'],
  queryFn: ({ signal }) => api.get<{ data: Task[]; count?: number }>('/tasks', { box: 'todo' }, signal),
});

export default function TasksPage() {
  const { t } = useTranslation('tasks');
  const tasks = useQuery(tasksQuery);
  const columns: Column<Task>[] = [
    {
      id: 'title',
      title: t('task'),
      cell: (task) =>
        task.record ? <RefLink object={task.record.object} id={task.record.id} title={task.title} /> : task.title,
    },
    { id: 'record', title: t('about'), cell: (task) => task.record?.title ?? BLANK },
    { id: 'role', title: t('role'), cell: (task) => task.role ?? BLANK },
    {
      id: 'created_at',
      title: t('since'),
      cell: (task) => <span className="num">{formatDateTime(task.created_at)}</span>,
    },
  ];
  const rows = tasks.data?.data ?? [];
  return (
    <>
      <PageHeader
        title={t('title')}
        after={
          tasks.data ? (
            <span className="count">
              {t('count', {
                count: tasks.data.count ?? rows.length,
                shown: formatCount(tasks.data.count ?? rows.length),
              })}
            </span>
          ) : null
        }
      />
      <div className="page">
        <p className="lead">{t('lead')}</p>
        <Card className="card-flush">
          {tasks.isPending ? <Skeleton /> : null}
          {tasks.error ? <FailureState failure={failureOf(tasks.error)} onRetry={() => tasks.refetch()} /> : null}
          {tasks.data && rows.length === 0 ? (
            <PageState icon="check" title={t('empty')}>
              {t('emptyHint')}
            </PageState>
          ) : null}
          {rows.length > 0 ? (
            <DataTable caption={t('title')} columns={columns} rows={rows} rowKey={(task) => task.id} walk />
          ) : null}
        </Card>
      </div>
    </>
  );
}
