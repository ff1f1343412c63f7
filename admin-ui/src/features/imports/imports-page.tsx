import { useInfiniteQuery, useQueries } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Import } from '../../api/contract/imports';
import { objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { BLANK, formatCount, formatDateTime } from '../../lib/format';
import type { Column } from '../../ui/data-table';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { importsQuery } from './queries';
import type { ImportSearch } from './search';
import { ImportTag } from './words';

/** Every import so far, newest first; one that was left halfway is taken up again from here. */
export default function ImportsPage() {
  const { t } = useTranslation('imports');
  const { object } = useSearch({ strict: false }) as ImportSearch;
  const list = useInfiniteQuery(importsQuery(object));
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const names = [...new Set([...rows.map((row) => row.object), ...(object ? [object] : [])])];
  const views = useQueries({ queries: names.map((name) => ({ ...objectQuery(name), retry: false })) });
  const titleOf = (name: string) => views[names.indexOf(name)]?.data?.title ?? name;
  const columns: Column<Import>[] = [
    {
      id: 'name',
      title: t('file'),
      cell: (row) => (
        <Link to="/imports/$id" params={{ id: row.id }} className="link row-link">
          {row.name}
        </Link>
      ),
    },
    { id: 'object', title: t('into'), cell: (row) => titleOf(row.object) },
    { id: 'status', title: t('statusTitle'), badge: true, cell: (row) => <ImportTag status={row.status} /> },
    {
      id: 'rows',
      title: t('rows'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.rows)}</span>,
    },
    {
      id: 'applied',
      title: t('counts.applied'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.counts?.applied)}</span>,
    },
    {
      id: 'error',
      title: t('outcome.error'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.counts?.error)}</span>,
    },
    { id: 'by', title: t('by'), cell: (row) => row.created_by?.title ?? BLANK },
    { id: 'at', title: t('at'), cell: (row) => <span className="num">{formatDateTime(row.created_at)}</span> },
  ];
  const start = object ? (
    <Link className="btn btn-primary" to="/imports/new" search={{ object }}>
      {t('startInto', { object: titleOf(object) })}
    </Link>
  ) : null;
  return (
    <ListPage
      title={t('title')}
      before={
        object ? (
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/records/$object" params={{ object }} className="link">
              {titleOf(object)}
            </Link>
          </nav>
        ) : null
      }
      lead={t('lead')}
      actions={start}
      pending={list.isPending}
      failure={list.error ? failureOf(list.error) : null}
      onRetry={() => list.refetch()}
      empty={
        <PageState icon="upload" title={t('none')} action={start}>
          {t('noneHint')}
        </PageState>
      }
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      walk
      more={list.hasNextPage ? { busy: list.isFetchingNextPage, load: () => list.fetchNextPage() } : null}
    />
  );
}
