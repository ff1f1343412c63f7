import { queryOptions, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Task } from '../../api/contract/session';
import { objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatCount, formatDateTime } from '../../lib/format';
import type { Column } from '../../ui/data-table';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';

export const tasksQuery = queryOptions({
  queryKey: ['tasks', 'todo'],
  queryFn: ({ signal }) => api.get<{ data: Task[]; count?: number }>('/tasks', { box: 'todo' }, signal),
});

export default function TasksPage() {
  const { t } = useTranslation('tasks');
  const tasks = useQuery(tasksQuery);
  const roleTitle = useRoleTitle();
  const columns: Column<Task>[] = [
    {
      id: 'title',
      title: t('task'),
      cell: (task) =>
        task.record ? <RefLink object={task.record.object} id={task.record.id} title={task.title} /> : task.title,
    },
    { id: 'record', title: t('about'), cell: (task) => task.record?.title ?? BLANK },
    { id: 'role', title: t('role'), cell: (task) => roleTitle(task) },
    {
      id: 'created_at',
      title: t('since'),
      cell: (task) => <span className="num">{formatDateTime(task.created_at)}</span>,
    },
  ];
  const rows = tasks.data?.data ?? [];
  const count = tasks.data?.count ?? rows.length;
  return (
    <ListPage
      title={t('title')}
      count={tasks.data ? t('count', { count, shown: formatCount(count) }) : null}
      lead={t('lead')}
      pending={tasks.isPending}
      failure={tasks.error ? failureOf(tasks.error) : null}
      onRetry={() => tasks.refetch()}
      empty={
        <PageState icon="check" title={t('empty')}>
          {t('emptyHint')}
        </PageState>
      }
      columns={columns}
      rows={rows}
      rowKey={(task) => task.id}
      walk
    />
  );
}

/** Roles by their titles, as far as this person may see them; else by their code. */
function useRoleTitle(): (task: Task) => string {
  const users = useQuery({ ...objectQuery('user'), retry: false });
  const roles = users.data?.fields.find((field) => field.name === 'roles')?.options ?? [];
  return (task) => task.role_title ?? roles.find((role) => role.name === task.role)?.title ?? task.role ?? BLANK;
}
