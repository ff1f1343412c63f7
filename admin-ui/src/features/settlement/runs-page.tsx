import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Run } from '../../api/contract/settlement';
import { problemText } from '../../api/problems';
import { periodsQuery, plansQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { BLANK, formatAmount, formatCount, formatDateTime } from '../../lib/format';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { Labelled } from '../../ui/labelled';
import { Card, PageHeader } from '../../ui/layout';
import { ListCard } from '../../ui/list-page';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { runQuery, runsQuery } from './queries';
import { RunResult } from './run-result';
import { RunTag } from './words';

/** What is over sooner needs no progress. */
const SHOWN_AFTER_MS = 800;

export default function RunsPage() {
  const { t } = useTranslation('settlement');
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: (asked: { plan: string; period: string; mode: 'commit' | 'preview' }) =>
      api.post<Run>('/settlement/runs', asked, { 'Idempotency-Key': randomId() }),
    // It stands in the list as soon as it is under way: how far it is, and the way to stop it.
    onMutate: () => setTimeout(() => client.invalidateQueries({ queryKey: ['runs'] }), SHOWN_AFTER_MS),
    onSuccess: (run) => {
      if (run.mode === 'preview') return;
      for (const queryKey of [['runs'], ['statements'], ['periods'], ['tasks'], ['dashboard'], ['record']])
        client.invalidateQueries({ queryKey });
    },
  });
  return (
    <>
      <PageHeader title={t('runs')} />
      <div className="page">
        <p className="lead">{t('runsLead')}</p>
        <StartForm
          busy={start.isPending ? (start.variables?.mode ?? null) : null}
          onStart={(asked) => start.mutate(asked)}
        />
        {start.error ? (
          <p className="notice notice-danger" role="alert">
            {problemText(start.error)}
          </p>
        ) : null}
        <div aria-live="polite">{start.data && !start.isPending ? <RunResult run={start.data} /> : null}</div>
        <Past />
      </div>
    </>
  );
}

type StartProps = {
  busy: 'commit' | 'preview' | null;
  onStart: (asked: { plan: string; period: string; mode: 'commit' | 'preview' }) => void;
};

function StartForm({ busy, onStart }: StartProps) {
  const { t } = useTranslation('settlement');
  const plans = useQuery(plansQuery);
  const [plan, setPlan] = useState('');
  const [period, setPeriod] = useState('');
  const chosen = plans.data?.data.find((one) => one.name === plan) ?? plans.data?.data[0];
  const periods = useQuery({ ...periodsQuery(chosen?.period_calendar ?? 'month'), enabled: chosen !== undefined });
  const open = [...(periods.data?.data ?? [])]
    .filter((one) => one.status === 'open')
    .sort((a, b) => b.from.localeCompare(a.from));
  const named = open.find((one) => one.name === period) ?? open[0];
  if (plans.error) return <FailureState failure={failureOf(plans.error)} onRetry={() => plans.refetch()} small />;
  if (plans.data && plans.data.data.length === 0) {
    return (
      <PageState icon="runs" title={t('noPlans')} small>
        {t('noPlansHint')}
      </PageState>
    );
  }
  const reason = !plans.data || periods.isLoading ? t('loading') : named ? undefined : t('noOpenPeriod');
  const go = (mode: 'commit' | 'preview') =>
    chosen && named && onStart({ plan: chosen.name, period: named.name, mode });
  return (
    <Card title={t('startRun')} id="start-run">
      <div className="toolbar toolbar-card">
        <Labelled label={t('plan')}>
          {({ id }) => (
            <select
              id={id}
              className="input select"
              value={chosen?.name ?? ''}
              onChange={(event) => setPlan(event.target.value)}
            >
              {(plans.data?.data ?? []).map((one) => (
                <option key={one.name} value={one.name}>
                  {one.title}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <Labelled label={t('period')}>
          {({ id }) => (
            <select
              id={id}
              className="input select"
              value={named?.name ?? ''}
              onChange={(event) => setPeriod(event.target.value)}
            >
              {open.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <Button reason={reason} busy={busy === 'preview'} onClick={() => go('preview')}>
          {t('preview')}
        </Button>
        <Button look="primary" reason={reason} busy={busy === 'commit'} onClick={() => go('commit')}>
          {t('commit')}
        </Button>
      </div>
    </Card>
  );
}

function Past() {
  const { t } = useTranslation('settlement');
  const plans = useQuery(plansQuery);
  const runs = useInfiniteQuery(runsQuery);
  const rows = runs.data?.pages.flatMap((page) => page.data) ?? [];
  const columns: Column<Run>[] = [
    {
      id: 'started_at',
      title: t('startedAt'),
      cell: (run) =>
        run.id ? (
          <Link to="/runs/$id" params={{ id: run.id }} className="link num">
            {formatDateTime(run.started_at)}
          </Link>
        ) : (
          formatDateTime(run.started_at)
        ),
    },
    {
      id: 'plan',
      title: t('plan'),
      cell: (run) => plans.data?.data.find((plan) => plan.name === run.plan)?.title ?? run.plan,
    },
    { id: 'period', title: t('period'), cell: (run) => <span className="num">{run.period}</span> },
    { id: 'mode', title: t('mode'), cell: (run) => t(`modes.${run.mode}`) },
    { id: 'status', title: t('result'), badge: true, cell: (run) => <RunTag status={run.status} /> },
    { id: 'facts', title: t('facts'), end: true, cell: (run) => <span className="num">{formatCount(run.facts)}</span> },
    {
      id: 'lines',
      title: t('linesWritten'),
      end: true,
      cell: (run) => <span className="num">{formatCount(run.lines)}</span>,
    },
    {
      id: 'failures',
      title: t('failures'),
      end: true,
      cell: (run) => <span className="num">{run.failures ? formatCount(run.failures.length) : BLANK}</span>,
    },
    {
      id: 'amount',
      title: t('amount'),
      unit: rows[0]?.currency,
      end: true,
      cell: (run) => <span className="num">{formatAmount(run.amount)}</span>,
    },
  ];
  return (
    <ListCard
      title={t('pastRuns')}
      caption={t('pastRuns')}
      pending={runs.isPending}
      failure={runs.error ? failureOf(runs.error) : null}
      onRetry={() => runs.refetch()}
      empty={
        <PageState icon="runs" title={t('noRuns')} small>
          {t('noRunsHint')}
        </PageState>
      }
      columns={columns}
      rows={rows}
      rowKey={(run) => run.id ?? run.started_at ?? ''}
      walk
      more={runs.hasNextPage ? { busy: runs.isFetchingNextPage, load: () => runs.fetchNextPage() } : null}
    />
  );
}

export function RunPage() {
  const { t } = useTranslation('settlement');
  const { id } = useParams({ strict: false }) as { id: string };
  const navigate = useNavigate();
  const run = useQuery(runQuery(id));
  return (
    <>
      <PageHeader
        title={t('runTitle')}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/runs" className="link">
              {t('runs')}
            </Link>
          </nav>
        }
      />
      <div className="page">
        {run.isPending ? <Skeleton /> : null}
        {run.error ? <FailureState failure={failureOf(run.error)} onRetry={() => run.refetch()} /> : null}
        {run.data ? <RunResult run={run.data} /> : null}
        <div>
          <Button onClick={() => navigate({ to: '/runs' })}>{t('backToRuns')}</Button>
        </div>
      </div>
    </>
  );
}
