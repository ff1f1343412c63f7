import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { PairPosition } from '../../api/contract/settlement';
import { BLANK, formatAmount, formatCount } from '../../lib/format';
import type { Column } from '../../ui/data-table';
import { ListCard } from '../../ui/list-page';
import { positionsQuery } from './queries';

/** What pairs of parties owe each other in a period; nothing where no statements are netted. */
export function PositionsCard({ period, party }: { period: string; party?: string }) {
  const { t } = useTranslation('settlement');
  const found = useQuery(positionsQuery(period, party));
  const rows = found.data?.data ?? [];
  if (rows.length === 0) return null;
  const currencies = new Set(rows.map((row) => row.currency));
  const unit = currencies.size === 1 ? rows[0]?.currency : undefined;
  const money = (value: string, row: PairPosition) => (
    <span className="num">
      {unit ? null : <span className="currency">{row.currency}</span>}
      {formatAmount(value)}
    </span>
  );
  const columns: Column<PairPosition>[] = [
    { id: 'payer', title: t('payer'), cell: (row) => row.payer?.title ?? BLANK },
    { id: 'payee', title: t('payee'), cell: (row) => row.payee?.title ?? BLANK },
    { id: 'title', title: t('statement'), cell: (row) => row.title },
    {
      id: 'statements',
      title: t('statementCount'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.statements.length)}</span>,
    },
    { id: 'owed', title: t('owed'), unit, end: true, cell: (row) => money(row.owed, row) },
    { id: 'counter', title: t('counter'), unit, end: true, cell: (row) => money(row.counter, row) },
    { id: 'net', title: t('netPosition'), unit, end: true, cell: (row) => money(row.net, row) },
    { id: 'open', title: t('openPosition'), unit, end: true, cell: (row) => money(row.open, row) },
  ];
  return (
    <ListCard
      title={t('netPositions', { period })}
      caption={t('netPositions', { period })}
      pending={false}
      failure={null}
      onRetry={() => found.refetch()}
      empty={null}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.definition} ${row.currency} ${row.payer?.id} ${row.payee?.id}`}
    />
  );
}
