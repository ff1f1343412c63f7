import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Import, ImportRow, Outcome } from '../../api/contract/imports';
import type { ObjectView } from '../../api/contract/objects';
import { failureOf } from '../../fields/explain';
import { fieldOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { RefLink } from '../../fields/titles';
import { formatCount, isBlank } from '../../lib/format';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { ListCard } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { rowsQuery } from './queries';
import { OUTCOMES, OutcomeTag } from './words';

type Props = {
  job: Import;
  view: ObjectView;
  busy: boolean;
  onApply: () => void;
  onBack: () => void;
};

/** What would happen, row by row with reasons, before anything does. */
export function PlanStep({ job, view, busy, onApply, onBack }: Props) {
  const { t } = useTranslation('imports');
  const counts = job.counts ?? {};
  const willWrite = (counts.create ?? 0) + (counts.update ?? 0);
  return (
    <>
      <p className="lead">{t('plan.lead')}</p>
      <RowsTable job={job} view={view} title={t('plan.title')} />
      <div className="form-foot">
        <span className="form-count" role="status">
          {counts.error ? t('plan.leftOut', { count: counts.error, shown: formatCount(counts.error) }) : ''}
        </span>
        <Button onClick={onBack}>{t('plan.back')}</Button>
        <Button look="primary" busy={busy} reason={willWrite > 0 ? undefined : t('plan.nothing')} onClick={onApply}>
          {t('plan.apply', { count: willWrite, shown: formatCount(willWrite) })}
        </Button>
      </div>
    </>
  );
}

/** The rows of an import, all or those of one outcome. */
export function RowsTable({ job, view, title }: { job: Import; view: ObjectView; title: string }) {
  const { t } = useTranslation('imports');
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined);
  const list = useInfiniteQuery(rowsQuery(job.id, outcome));
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const counts = job.counts ?? {};
  const total = OUTCOMES.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
  const columns: Column<ImportRow>[] = [
    {
      id: 'row',
      title: t('plan.row'),
      cell: (row) => <span className="num">{t('plan.rowN', { n: formatCount(row.row) })}</span>,
    },
    { id: 'outcome', title: t('plan.outcome'), badge: true, cell: (row) => <OutcomeTag outcome={row.outcome} /> },
    { id: 'what', title: t('plan.what'), cell: (row) => <What row={row} view={view} /> },
    { id: 'why', title: t('plan.why'), cell: (row) => <Reasons row={row} view={view} /> },
  ];
  return (
    <>
      <fieldset className="filters">
        <legend className="sr-only">{t('plan.filter')}</legend>
        {[undefined, ...OUTCOMES].map((one) => {
          const count = one === undefined ? total : (counts[one] ?? 0);
          if (one !== undefined && count === 0) return null;
          return (
            <button
              key={one ?? 'all'}
              type="button"
              className="chip"
              aria-pressed={outcome === one}
              onClick={() => setOutcome(one)}
            >
              {one === undefined ? t('plan.all') : t(`outcome.${one}`)}{' '}
              <span className="num">{formatCount(count)}</span>
            </button>
          );
        })}
      </fieldset>
      <ListCard
        caption={title}
        pending={list.isPending}
        failure={list.error ? failureOf(list.error) : null}
        onRetry={() => list.refetch()}
        empty={<PageState icon="empty" title={t('plan.noRows')} small />}
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.row)}
        stale={list.isPlaceholderData}
        more={list.hasNextPage ? { busy: list.isFetchingNextPage, load: () => list.fetchNextPage() } : null}
      />
    </>
  );
}

/** The record it concerns, or what its first cells say. */
function What({ row, view }: { row: ImportRow; view: ObjectView }) {
  const values = Object.entries(row.values ?? {}).filter(([, value]) => !isBlank(value));
  return (
    <>
      {row.record ? <RefLink object={row.record.object} id={row.record.id} title={row.record.title} /> : null}
      <span className="row-values">
        {values.slice(0, 4).map(([name, value]) => {
          const field = fieldOf(view, name);
          const { Read, Cell = Read } = kindOf(field?.type ?? 'text');
          return (
            <span key={name}>
              <span className="muted">{field?.title ?? name}</span>{' '}
              {field && row.outcome !== 'error' ? <Cell field={field} value={value} /> : shown(value)}
            </span>
          );
        })}
      </span>
    </>
  );
}
const shown = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

function Reasons({ row, view }: { row: ImportRow; view: ObjectView }) {
  if (!row.errors?.length) return null;
  return (
    <ul className="reasons">
      {row.errors.map((error, at) => {
        const title = error.column ?? (error.field ? fieldOf(view, error.field)?.title : undefined) ?? error.field;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the reasons of one row never move
          <li key={at}>
            {title ? `${title}: ` : ''}
            {error.message ?? error.code}
          </li>
        );
      })}
    </ul>
  );
}
