import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { DataTable, type TableProps } from './data-table';
import { Card, PageHeader } from './layout';
import { type Failure, FailureState, Skeleton } from './states';

type CardProps<T> = Omit<TableProps<T>, 'caption'> & {
  caption: string;
  /** Shown over the card; the caption names the table in any case. */
  title?: string;
  pending: boolean;
  failure: Failure | null;
  onRetry: () => void;
  /** What stands here when there are no rows: why, and the next step. */
  empty: ReactNode;
  skeleton?: number;
};

/** Rows with everything that can be said instead of them: loading, broken, none. */
export function ListCard<T>({ title, pending, failure, onRetry, empty, skeleton = 6, ...table }: CardProps<T>) {
  const { t } = useTranslation('ui');
  const some = table.rows.length > 0;
  return (
    <Card className="card-flush" title={title} id={title ? `list-${table.caption}` : undefined}>
      {pending ? <Skeleton rows={skeleton} /> : null}
      {failure && !some ? <FailureState failure={failure} onRetry={onRetry} small={title !== undefined} /> : null}
      {failure && some ? (
        <p className="notice notice-danger" role="alert">
          {failure.text} <Button onClick={onRetry}>{t('retry')}</Button>
        </p>
      ) : null}
      {!pending && !failure && !some ? empty : null}
      {some ? <DataTable {...table} /> : null}
    </Card>
  );
}

type PageProps<T> = Omit<CardProps<T>, 'title' | 'caption'> & {
  title: string;
  before?: ReactNode;
  count?: string | null;
  actions?: ReactNode;
  lead?: string;
  /** Filters and the like, over the rows. */
  toolbar?: ReactNode;
  /** What must be said before the rows, such as why something was refused. */
  notice?: ReactNode;
};

/** The frame of every page that is one list. */
export function ListPage<T>({ title, before, count, actions, lead, toolbar, notice, ...list }: PageProps<T>) {
  return (
    <>
      <PageHeader
        title={title}
        before={before}
        after={count ? <span className="count">{count}</span> : null}
        actions={actions}
      />
      <div className="page">
        {lead ? <p className="lead">{lead}</p> : null}
        {toolbar ? <div className="toolbar">{toolbar}</div> : null}
        {notice}
        <ListCard {...list} caption={title} />
      </div>
    </>
  );
}
