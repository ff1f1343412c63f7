import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schedule } from '../../api/contract/settlement';
import { failureOf } from '../../fields/explain';
import type { Column } from '../../ui/data-table';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { schedulesQuery } from './queries';

export default function SchedulesPage() {
  const { t } = useTranslation('settlement');
  const found = useQuery(schedulesQuery);
  const columns: Column<Schedule>[] = [
    {
      id: 'title',
      title: t('schedule'),
      cell: (row) => (
        <Link to="/schedules/$schedule" params={{ schedule: row.name }} className="link row-link">
          {row.title}
        </Link>
      ),
    },
    { id: 'mode', title: t('mode'), cell: (row) => t(`scheduleModes.${row.mode}`) },
    { id: 'name', title: t('definitionName'), cell: (row) => <code>{row.name}</code> },
  ];
  return (
    <ListPage
      title={t('schedules')}
      lead={t('schedulesLead')}
      pending={found.isPending}
      failure={found.error ? failureOf(found.error) : null}
      onRetry={() => found.refetch()}
      empty={
        <PageState icon="steps" title={t('noSchedules')}>
          {t('noSchedulesHint')}
        </PageState>
      }
      columns={columns}
      rows={found.data?.data ?? []}
      rowKey={(row) => row.name}
      walk
    />
  );
}
