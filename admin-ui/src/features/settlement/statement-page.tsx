import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Statement } from '../../api/contract/settlement';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatCount, formatDateTime } from '../../lib/format';
import { Button } from '../../ui/button';
import { Card, PageHeader } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { DisputesCard } from './disputes-card';
import { LinesTable } from './lines-table';
import { linesQuery, statementQuery } from './queries';
import { StatementActions } from './statement-actions';
import { StatementTotals } from './statement-totals';
import { StatementTag } from './words';

export default function StatementPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const statement = useQuery(statementQuery(id));
  if (statement.data) return <Sheet statement={statement.data} />;
  return (
    <div className="page">
      {statement.error ? (
        <FailureState failure={failureOf(statement.error)} onRetry={() => statement.refetch()} />
      ) : (
        <Skeleton rows={10} />
      )}
    </div>
  );
}

function Sheet({ statement }: { statement: Statement }) {
  const { t } = useTranslation('settlement');
  const name = statement.number ?? statement.title;
  const first = statement.lines ?? [];
  const [all, setAll] = useState(first.length === 0 && statement.line_count > 0);
  const rest = useInfiniteQuery({ ...linesQuery(statement.id), enabled: all });
  const lines = all && rest.data ? rest.data.pages.flatMap((page) => page.data) : first;
  const more = all
    ? rest.hasNextPage || rest.isPending
      ? { busy: rest.isFetching, load: () => rest.fetchNextPage() }
      : null
    : first.length < statement.line_count
      ? { busy: false, load: () => setAll(true) }
      : null;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const disputable = statement._actions?.some((action) => action.name === 'dispute' && action.allowed);
  const totals = { gross: statement.gross, tax: statement.tax, net: statement.net };
  return (
    <>
      <PageHeader
        title={name}
        tab={`${name} · ${t('statement')}`}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/statements" className="link">
              {t('statements')}
            </Link>
          </nav>
        }
        after={<StatementTag status={statement.status} />}
        actions={
          <>
            <StatementActions statement={statement} name={name} chosen={chosen} onDone={() => setChosen(new Set())} />
            <Button icon="print" onClick={() => window.print()}>
              {t('print')}
            </Button>
          </>
        }
      />
      <div className="page sheet">
        <Card className="sheet-head">
          {statement.title === name ? null : <p className="sheet-title">{statement.title}</p>}
          <dl className="facts">
            <div>
              <dt>{t('payee')}</dt>
              <dd>
                {statement.payee ? (
                  <RefLink object={statement.payee.object} id={statement.payee.id} title={statement.payee.title} />
                ) : (
                  BLANK
                )}
              </dd>
            </div>
            <div>
              <dt>{t('payer')}</dt>
              <dd>
                {statement.payer ? (
                  <RefLink object={statement.payer.object} id={statement.payer.id} title={statement.payer.title} />
                ) : (
                  BLANK
                )}
              </dd>
            </div>
            <div>
              <dt>{t('period')}</dt>
              <dd className="num">{statement.period}</dd>
            </div>
            <div>
              <dt>{t('issuedAt')}</dt>
              <dd className="num">{formatDateTime(statement.issued_at)}</dd>
            </div>
          </dl>
          <StatementTotals statement={statement} name={name} />
        </Card>
        {statement.notes && statement.notes.length > 0 ? (
          <Card title={t('notes')} id="notes">
            <ul className="sentences">
              {statement.notes.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
          </Card>
        ) : null}
        {statement.disputes && statement.disputes.length > 0 ? (
          <DisputesCard statement={statement} disputes={statement.disputes} lines={lines} />
        ) : null}
        {statement.corrections && statement.corrections.length > 0 ? (
          <Card title={t('corrections')} id="corrections">
            <ul className="sentences">
              {statement.corrections.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
          </Card>
        ) : null}
        <Card
          className="card-flush"
          id="lines"
          title={
            <>
              {t('lines')}
              <span className="count">
                {t('linesCount', { count: statement.line_count, shown: formatCount(statement.line_count) })}
              </span>
            </>
          }
        >
          {lines.length === 0 && all && rest.isPending ? <Skeleton /> : null}
          {rest.error ? <FailureState failure={failureOf(rest.error)} onRetry={() => rest.refetch()} small /> : null}
          {statement.line_count === 0 ? <PageState icon="empty" title={t('noLines')} small /> : null}
          {lines.length > 0 ? (
            <LinesTable
              lines={lines}
              unit={statement.currency}
              more={more}
              totals={totals}
              disputes={statement.disputes}
              selection={
                disputable ? { chosen, onChange: setChosen, title: (line) => line.fact?.title ?? line.id } : undefined
              }
            />
          ) : null}
        </Card>
      </div>
    </>
  );
}
