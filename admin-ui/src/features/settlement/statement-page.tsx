import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Action } from '../../api/contract/records';
import type { Statement } from '../../api/contract/settlement';
import { asStale, problemText } from '../../api/problems';
import { failureOf, WhyButton } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatAmount, formatCount, formatDateTime } from '../../lib/format';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { Card, PageHeader } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { toast } from '../../ui/toasts';
import { LinesTable } from './lines-table';
import { linesQuery, statementQuery } from './queries';
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
            <StatementActions statement={statement} name={name} />
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
          <dl className="totals">
            <div>
              <dt>
                {t('gross')}
                <span className="th-unit">{statement.currency}</span>
              </dt>
              <dd>
                {formatAmount(statement.gross)}{' '}
                <WhyButton title={name} path={`/statements/${encodeURIComponent(statement.id)}/explain`} />
              </dd>
            </div>
            <div>
              <dt>
                {t('tax')}
                <span className="th-unit">{statement.currency}</span>
              </dt>
              <dd>{formatAmount(statement.tax)}</dd>
            </div>
            <div>
              <dt>
                {t('net')}
                <span className="th-unit">{statement.currency}</span>
              </dt>
              <dd>{formatAmount(statement.net)}</dd>
            </div>
          </dl>
        </Card>
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
          {lines.length > 0 ? <LinesTable lines={lines} unit={statement.currency} more={more} totals={totals} /> : null}
        </Card>
      </div>
    </>
  );
}

/** Issue, confirm, pay: each final towards the other party, so each is asked once. */
function StatementActions({ statement, name }: { statement: Statement; name: string }) {
  const { t } = useTranslation('settlement');
  const client = useQueryClient();
  const [asked, setAsked] = useState<Action | null>(null);
  const act = useMutation({
    mutationFn: (action: Action) =>
      api.post<Statement>(
        `/statements/${encodeURIComponent(statement.id)}/${encodeURIComponent(action.name)}`,
        { version: statement.version },
        { 'Idempotency-Key': randomId() },
      ),
    onSuccess: (answer, action) => {
      client.setQueryData(statementQuery(statement.id).queryKey, (before) => ({
        ...before,
        ...answer,
        lines: answer.lines ?? before?.lines,
      }));
      for (const queryKey of [['statements'], ['dashboard'], ['tasks'], ['record']])
        client.invalidateQueries({ queryKey });
      toast(t('actionDone', { action: action.title, name: answer.number ?? name }));
    },
    onError: (error) => {
      if (asStale(error)) client.invalidateQueries({ queryKey: ['statements', 'one', statement.id] });
      toast(problemText(error), { tone: 'danger' });
    },
    onSettled: () => setAsked(null),
  });
  return (
    <>
      {(statement._actions ?? []).map((action) => (
        <Button
          key={action.name}
          look={action.primary && action.allowed ? 'primary' : action.destructive ? 'danger' : 'default'}
          reason={action.allowed ? undefined : (action.reason ?? t('notAllowed'))}
          onClick={() => setAsked(action)}
        >
          {action.title}
        </Button>
      ))}
      {asked ? (
        <Confirm
          title={t('actionTitle', { action: asked.title, name })}
          confirm={asked.title}
          danger={asked.destructive}
          busy={act.isPending}
          onConfirm={() => act.mutate(asked)}
          onClose={() => setAsked(null)}
        >
          <p>
            {t('actionSure', {
              action: asked.title,
              party: statement.payee?.title ?? '',
              amount: `${statement.currency} ${formatAmount(statement.gross)}`,
              count: statement.line_count,
            })}
          </p>
        </Confirm>
      ) : null}
    </>
  );
}
