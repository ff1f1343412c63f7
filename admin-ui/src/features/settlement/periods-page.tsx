import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, asProblem } from '../../api/client';
import type { Period } from '../../api/contract/settlement';
import type { Ref } from '../../api/contract/shared';
import { problemText } from '../../api/problems';
import { periodsQuery, plansQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { formatAmount, formatCount, formatDate, formatDateTime, reader } from '../../lib/format';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { Confirm } from '../../ui/dialog';
import { Labelled } from '../../ui/labelled';
import { StatusTag } from '../../ui/layout';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { toast } from '../../ui/toasts';

export default function PeriodsPage() {
  const { t } = useTranslation('settlement');
  const plans = useQuery(plansQuery);
  const calendars = [...new Set(['month', ...(plans.data?.data ?? []).map((plan) => plan.period_calendar ?? 'month')])];
  const [calendar, setCalendar] = useState('month');
  const periods = useQuery(periodsQuery(calendar));
  const rows = [...(periods.data?.data ?? [])].sort((a, b) => b.from.localeCompare(a.from));
  const [asked, setAsked] = useState<Period | null>(null);
  const client = useQueryClient();
  const close = useMutation({
    mutationFn: (period: Period) =>
      api.post<Period>(
        `/settlement/periods/${encodeURIComponent(period.name)}/close`,
        { calendar },
        { 'Idempotency-Key': randomId() },
      ),
    onSuccess: (answer) => {
      for (const queryKey of [['periods'], ['statements'], ['tasks'], ['dashboard']])
        client.invalidateQueries({ queryKey });
      toast(t('periodClosedDone', { period: answer?.name ?? asked?.name }));
    },
    onSettled: () => setAsked(null),
  });
  const columns: Column<Period>[] = [
    {
      id: 'name',
      title: t('period'),
      cell: (row) => (
        <Link to="/statements" search={{ period: row.name }} className="link num">
          {row.name}
        </Link>
      ),
    },
    { id: 'from', title: t('from'), cell: (row) => <span className="num">{formatDate(row.from)}</span> },
    { id: 'to', title: t('to'), cell: (row) => <span className="num">{formatDate(row.to)}</span> },
    {
      id: 'status',
      title: t('statusTitle'),
      badge: true,
      cell: (row) => (
        <StatusTag tone={row.status === 'open' ? 'info' : 'neutral'}>{t(`periodStatus.${row.status}`)}</StatusTag>
      ),
    },
    {
      id: 'lines',
      title: t('lineCount'),
      end: true,
      cell: (row) => <span className="num">{formatCount(row.lines)}</span>,
    },
    {
      id: 'amount',
      title: t('gross'),
      unit: reader.currency,
      end: true,
      cell: (row) => (
        <span className="num">
          {formatAmount(row.amount && typeof row.amount === 'object' ? row.amount.amount : row.amount)}
        </span>
      ),
    },
    {
      id: 'closed_at',
      title: t('closedAt'),
      cell: (row) => <span className="num">{formatDateTime(row.closed_at)}</span>,
    },
    {
      id: 'close',
      title: t('actions'),
      cell: (row) =>
        row.status === 'open' ? (
          <Button
            aria-label={t('closePeriod', { period: row.name })}
            onClick={() => {
              close.reset();
              setAsked(row);
            }}
          >
            {t('close')}
          </Button>
        ) : null,
    },
  ];
  return (
    <>
      <ListPage
        title={t('periods')}
        lead={t('periodsLead')}
        toolbar={
          calendars.length > 1 ? (
            <Labelled label={t('calendar')}>
              {({ id }) => (
                <select
                  id={id}
                  className="input select"
                  value={calendar}
                  onChange={(event) => setCalendar(event.target.value)}
                >
                  {calendars.map((name) => (
                    <option key={name} value={name}>
                      {name === 'month' ? t('calendarMonth') : name}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
          ) : null
        }
        notice={close.error ? <NotReady error={close.error} period={close.variables?.name ?? ''} /> : null}
        pending={periods.isPending}
        failure={periods.error ? failureOf(periods.error) : null}
        onRetry={() => periods.refetch()}
        empty={
          <PageState icon="periods" title={t('noPeriods')}>
            {t('noPeriodsHint')}
          </PageState>
        }
        columns={columns}
        rows={rows}
        rowKey={(row) => row.name}
        walk
      />
      {asked ? (
        <Confirm
          title={t('closePeriod', { period: asked.name })}
          confirm={t('close')}
          busy={close.isPending}
          onConfirm={() => close.mutate(asked)}
          onClose={() => setAsked(null)}
        >
          <p>{t('closeSure', { period: asked.name })}</p>
        </Confirm>
      ) : null}
    </>
  );
}

type Check = { name: string; count?: number; text?: string };
type Example = { key: string; text: string; object?: string; id?: string; title?: string };

/** What is missing before a period can be closed, as the server answered it. */
export function checklist(error: unknown): { checks: Check[]; examples: Example[]; endsOn: string | null } {
  const { body } = asProblem(error);
  const params = body.params ?? {};
  const checks: Check[] = [];
  for (const entry of list(params.checklist)) {
    if (entry.ok === true) continue;
    const text = [entry.sentence, entry.title, entry.detail].find((one) => typeof one === 'string') as
      | string
      | undefined;
    checks.push({ name: String(entry.check ?? entry.code ?? ''), count: Number(entry.count ?? 0), text });
    const record = entry.record as Ref | undefined;
    if (record) checks[checks.length - 1] = { name: String(entry.check ?? entry.code ?? ''), text };
  }
  const examples = [...list(params.checklist).filter((entry) => entry.record), ...list(params.examples)].map(
    (entry, at): Example => {
      const record = (entry.record ?? (entry.fact && typeof entry.fact === 'object' ? entry.fact : undefined)) as
        | Ref
        | undefined;
      return {
        key: `${at}`,
        text: typeof entry.detail === 'string' ? entry.detail : '',
        object: record?.object ?? (entry.object as string | undefined),
        id: record?.id ?? (typeof entry.fact === 'string' ? entry.fact : undefined),
        title: record?.title,
      };
    },
  );
  for (const problem of body.errors ?? []) checks.push({ name: problem.code, text: problem.message ?? problem.code });
  return { checks, examples, endsOn: typeof params.ends_on === 'string' ? params.ends_on : null };
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => one !== null && typeof one === 'object')
    : [];
}

function NotReady({ error, period }: { error: unknown; period: string }) {
  const { t, i18n } = useTranslation('settlement');
  const { checks, examples, endsOn } = checklist(error);
  const text = (check: Check) =>
    check.text ??
    (i18n.exists(`settlement:checks.${check.name}`) ? t(`checks.${check.name}`, { count: check.count }) : check.name);
  return (
    <section className="notice notice-danger" role="alert">
      <h2>{t('notClosed', { period })}</h2>
      <p>{endsOn ? t('endsOn', { day: formatDate(endsOn) }) : problemText(error)}</p>
      {checks.length > 0 || examples.length > 0 ? (
        <ul className="sentences">
          {checks.map((check) => (
            <li key={check.name}>{text(check)}</li>
          ))}
          {examples.map((example) => (
            <li key={example.key}>
              {example.id ? <RefLink object={example.object} id={example.id} title={example.title} /> : null}{' '}
              {example.text}
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
