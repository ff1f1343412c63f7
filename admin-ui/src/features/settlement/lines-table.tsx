import { useTranslation } from 'react-i18next';
import type { Dispute, Line } from '../../api/contract/settlement';
import { WhyButton } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatAmount, formatDate, formatDecimal, formatPercent } from '../../lib/format';
import { type Column, DataTable, type Selection } from '../../ui/data-table';
import { DisputeTag, LineKindTag } from './words';

type Props = {
  lines: Line[];
  unit?: string;
  more?: { busy: boolean; load: () => void } | null;
  totals?: { gross: string; tax: string; net: string };
  disputes?: Dispute[];
  /** Lines can be chosen, by their ids. */
  selection?: Selection<Line>;
};

/** The lines of a statement: what for, how much, and why. */
export function LinesTable({ lines, unit, more, totals, disputes, selection }: Props) {
  const { t } = useTranslation('settlement');
  const open = new Set((disputes ?? []).filter((one) => one.status === 'open').map((one) => one.line));
  const columns: Column<Line>[] = [
    {
      id: 'fact',
      title: t('fact'),
      cell: (line) => (
        <>
          {line.fact ? <RefLink object={line.fact.object} id={line.fact.id} title={line.fact.title} /> : BLANK}{' '}
          <LineKindTag kind={line.kind} /> {open.has(line.id) ? <DisputeTag status="open" /> : null}
        </>
      ),
      foot: totals ? t('total') : undefined,
    },
    {
      id: 'date',
      title: t('businessDate'),
      cell: (line) => (
        <span className="num">
          {formatDate(line.business_date)}
          {line.service_period && line.service_period !== line.period ? (
            <span className="cell-note">{t('servicePeriod', { period: line.service_period })}</span>
          ) : null}
        </span>
      ),
    },
    { id: 'what', title: t('what'), cell: (line) => <span className="dimensions">{dimensionText(line)}</span> },
    {
      id: 'quantity',
      title: t('quantity'),
      end: true,
      cell: (line) => <span className="num">{formatDecimal(line.quantity)}</span>,
    },
    {
      id: 'amount',
      title: t('gross'),
      unit,
      end: true,
      cell: (line) => <Amount value={line.amount} />,
      foot: totals ? <Amount value={totals.gross} /> : undefined,
    },
    {
      id: 'tax',
      title: t('tax'),
      unit,
      end: true,
      cell: (line) => (
        <span className="num">
          {formatAmount(line.tax)}
          {line.tax_rate ? <span className="cell-note">{formatPercent(line.tax_rate)}</span> : null}
        </span>
      ),
      foot: totals ? <Amount value={totals.tax} /> : undefined,
    },
    {
      id: 'net',
      title: t('net'),
      unit,
      end: true,
      cell: (line) => <Amount value={line.net} />,
      foot: totals ? <Amount value={totals.net} /> : undefined,
    },
    {
      id: 'why',
      title: t('reason'),
      cell: (line) => (
        <span className="reason">
          <span className="reason-text">{line.sentence}</span>
          <WhyButton
            title={line.fact?.title ?? line.id}
            path={`/settlement/lines/${encodeURIComponent(line.id)}/explain`}
          />
        </span>
      ),
      foot: totals ? '' : undefined,
    },
  ];
  return (
    <DataTable
      caption={t('lines')}
      columns={columns}
      rows={lines}
      rowKey={(line) => line.id}
      more={more}
      selection={selection}
    />
  );
}

function Amount({ value }: { value: string | null | undefined }) {
  return <span className={`num${value?.startsWith('-') ? ' num-minus' : ''}`}>{formatAmount(value)}</span>;
}

function dimensionText(line: Line): string {
  const titles = Object.values(line.dimensions ?? {})
    .map((value) => (typeof value === 'string' ? value : value?.title))
    .filter(Boolean);
  return titles.length > 0 ? titles.join(' · ') : BLANK;
}
