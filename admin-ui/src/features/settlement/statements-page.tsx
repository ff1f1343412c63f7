import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Statement, StatementStatus } from '../../api/contract/settlement';
import { searchQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { titleQuery } from '../../fields/titles';
import { BLANK, formatAmount, formatCount, formatDateTime } from '../../lib/format';
import { Button } from '../../ui/button';
import { Combobox } from '../../ui/combobox';
import type { Column } from '../../ui/data-table';
import { Labelled } from '../../ui/labelled';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { PeriodChoice } from './period-choice';
import { PositionsCard } from './positions-card';
import { statementsQuery } from './queries';
import type { StatementSearch } from './search';
import { StatementTag } from './words';

const STATUSES: StatementStatus[] = ['draft', 'issued', 'confirmed', 'paid', 'reversed'];

export default function StatementsPage() {
  const { t } = useTranslation('settlement');
  const search = useSearch({ strict: false }) as StatementSearch;
  const navigate = useNavigate();
  const list = useInfiniteQuery(statementsQuery(search));
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const narrowed = Boolean(search.period || search.payee || search.status);
  const ask = (change: StatementSearch) =>
    navigate({ to: '/statements', search: { ...search, ...change }, replace: true, resetScroll: false });
  const currencies = new Set(rows.map((row) => row.currency));
  const unit = currencies.size === 1 ? rows[0]?.currency : undefined;
  const money = (value: string, row: Statement) => (
    <span className="num">
      {unit ? null : <span className="currency">{row.currency}</span>}
      {formatAmount(value)}
    </span>
  );
  const columns: Column<Statement>[] = [
    {
      id: 'number',
      title: t('statement'),
      cell: (row) => (
        <Link to="/statements/$id" params={{ id: row.id }} className="link row-link">
          {row.number ?? t('unnumbered')}
        </Link>
      ),
    },
    { id: 'payee', title: t('payee'), cell: (row) => row.payee?.title ?? BLANK },
    { id: 'payer', title: t('payer'), cell: (row) => row.payer?.title ?? BLANK },
    { id: 'period', title: t('period'), cell: (row) => <span className="num">{row.period}</span> },
    { id: 'status', title: t('statusTitle'), badge: true, cell: (row) => <StatementTag status={row.status} /> },
    {
      id: 'lines',
      title: t('lineCount'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.line_count)}</span>,
    },
    { id: 'gross', title: t('gross'), unit, end: true, cell: (row) => money(row.gross, row) },
    { id: 'tax', title: t('tax'), unit, end: true, cell: (row) => money(row.tax, row) },
    { id: 'net', title: t('net'), unit, end: true, cell: (row) => money(row.net, row) },
    {
      id: 'issued_at',
      title: t('issuedAt'),
      cell: (row) => <span className="num">{formatDateTime(row.issued_at)}</span>,
    },
  ];
  return (
    <ListPage
      title={t('statements')}
      toolbar={
        <>
          <Filters search={search} rows={rows} ask={ask} />
          {narrowed ? (
            <Button look="text" onClick={() => ask({ period: undefined, payee: undefined, status: undefined })}>
              {t('clearFilters')}
            </Button>
          ) : null}
        </>
      }
      notice={search.period ? <PositionsCard period={search.period} party={search.payee} /> : null}
      pending={list.isPending}
      failure={list.error ? failureOf(list.error) : null}
      onRetry={() => list.refetch()}
      skeleton={8}
      empty={
        <PageState
          icon="statements"
          title={t(narrowed ? 'noStatementsMatch' : 'noStatements')}
          action={
            narrowed ? null : (
              <Link to="/runs" className="btn btn-default">
                {t('toRuns')}
              </Link>
            )
          }
        >
          {t(narrowed ? 'noStatementsMatchHint' : 'noStatementsHint')}
        </PageState>
      }
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      walk
      stale={list.isPlaceholderData}
      more={list.hasNextPage ? { busy: list.isFetchingNextPage, load: () => list.fetchNextPage() } : null}
    />
  );
}

function Filters({
  search,
  rows,
  ask,
}: {
  search: StatementSearch;
  rows: Statement[];
  ask: (change: StatementSearch) => void;
}) {
  const { t } = useTranslation('settlement');
  const [party, setParty] = useState<string | null>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const object = rows.find((row) => row.payee)?.payee?.object ?? party;
  if (object && object !== party) setParty(object);
  const deferred = useDeferredValue(typed);
  const found = useQuery({
    ...searchQuery(object ?? '', deferred ?? ''),
    enabled: Boolean(object) && deferred !== null,
  });
  const known = rows.find((row) => row.payee?.id === search.payee)?.payee?.title;
  const title = useQuery({
    ...titleQuery(object ?? '', search.payee ?? ''),
    enabled: Boolean(object && search.payee && !known),
  });
  return (
    <>
      <PeriodChoice chosen={search.period} onChange={(period) => ask({ period })} />
      <Labelled label={t('payee')}>
        {(wiring) => (
          <Combobox
            wiring={wiring}
            placeholder={t('allParties')}
            disabled={!object}
            chosen={search.payee ? { id: search.payee, title: known ?? title.data ?? '…' } : null}
            loading={found.isFetching}
            choices={(found.data?.data ?? []).map((record) => ({ id: record.id, title: record._title ?? record.id }))}
            onSearch={setTyped}
            onChoose={(choice) => ask({ payee: choice?.id })}
          />
        )}
      </Labelled>
      <Labelled label={t('statusTitle')}>
        {({ id }) => (
          <select
            id={id}
            className="input select"
            value={search.status ?? ''}
            onChange={(event) => ask({ status: event.target.value || undefined })}
          >
            <option value="">{t('allStatuses')}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t(`status.${status}`)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
    </>
  );
}
