import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { RecordData, SettlementStatus } from '../../api/contract/records';
import type { LineSummary } from '../../api/contract/settlement';
import { WhyButton } from '../../fields/explain';
import { formatAmount, formatMoney } from '../../lib/format';
import { Card, StatusTag, type Tone } from '../../ui/layout';
import { LineKindTag, StatementTag } from './words';

const TONES: Record<SettlementStatus, Tone> = {
  none: 'neutral',
  pending: 'warning',
  charged: 'info',
  billed: 'info',
  confirmed: 'info',
  paid: 'success',
};

/** What was settled for this record, line by line, each with its reason. */
export function RecordSettlement({ record }: { record: RecordData }) {
  const { t } = useTranslation('settlement');
  const settlement = record._settlement;
  if (!settlement) return null;
  return (
    <Card
      title={t('settlement')}
      id="section-settlement"
      actions={
        <StatusTag tone={TONES[settlement.status] ?? 'neutral'}>
          {settlement.title || t(`record.${settlement.status}`)}
        </StatusTag>
      }
    >
      {settlement.amount ? (
        <p className="settled-amount">
          <span className="muted">{t('settledAmount')}</span>
          <strong className="num">{formatMoney(settlement.amount)}</strong>
        </p>
      ) : null}
      {settlement.lines.length === 0 ? (
        <p className="muted">{t(settlement.status === 'pending' ? 'linesPending' : 'linesNone')}</p>
      ) : null}
      <ul className="settled-lines" aria-label={t('lines')}>
        {settlement.lines.map((line) => (
          <SettledLine key={line.id} line={line} record={record} />
        ))}
      </ul>
    </Card>
  );
}

function SettledLine({ line, record }: { line: LineSummary; record: RecordData }) {
  const { t } = useTranslation('settlement');
  return (
    <li>
      <p className="settled-line-head">
        <span>
          {line.payee?.title ?? line.plan} <LineKindTag kind={line.kind} />
        </span>
        <strong className={`num${line.amount?.startsWith('-') ? ' num-minus' : ''}`}>
          {line.currency ? <span className="currency">{line.currency}</span> : null}
          {formatAmount(line.amount)}
        </strong>
      </p>
      {line.sentence ? <p className="settled-sentence">{line.sentence}</p> : null}
      <p className="settled-line-foot">
        {line.period ? <span className="num">{t('inPeriod', { period: line.period })}</span> : null}
        {line.statement ? (
          <>
            <Link to="/statements/$id" params={{ id: line.statement.id }} className="link">
              {line.statement.number ?? t('statementDraft')}
            </Link>
            <StatementTag status={line.statement.status} />
          </>
        ) : null}
        <WhyButton
          title={`${record._title ?? ''} ${formatAmount(line.amount)}`}
          path={`/settlement/lines/${encodeURIComponent(line.id)}/explain`}
        />
      </p>
    </li>
  );
}
