import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Dashboard, DashboardCard } from '../../api/contract/reports';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { asDecimal, sumDecimals } from '../../lib/decimal';
import { BLANK, formatAmount, formatDecimal } from '../../lib/format';
import { Button } from '../../ui/button';
import { DataTable } from '../../ui/data-table';
import { Card, PageHeader } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';

const Chart = lazy(() => import('../../ui/charts/chart'));

const dashboardQuery = (name: string) =>
  queryOptions({
    queryKey: ['dashboard', name],
    queryFn: ({ signal }) => api.get<Dashboard>(`/dashboards/${encodeURIComponent(name)}`, undefined, signal),
  });

export default function HomePage() {
  const { t } = useTranslation('dashboards');
  const dashboard = useQuery(dashboardQuery('home'));
  const cards = dashboard.data?.cards ?? [];
  const numbers = cards.filter((card) => card.kind === 'number');
  const others = cards.filter((card) => card.kind !== 'number');
  return (
    <>
      <PageHeader title={dashboard.data?.title ?? t('title')} />
      <div className="page">
        {dashboard.isPending ? <Skeleton rows={8} /> : null}
        {dashboard.error ? (
          <FailureState failure={failureOf(dashboard.error)} onRetry={() => dashboard.refetch()} />
        ) : null}
        {dashboard.data && cards.length === 0 ? (
          <PageState icon="chart" title={t('empty')}>
            {t('emptyHint')}
          </PageState>
        ) : null}
        {numbers.length > 0 ? (
          <ul className="kpis">
            {numbers.map((card) => (
              <li key={card.id}>
                <NumberCard card={card} />
              </li>
            ))}
          </ul>
        ) : null}
        <div className="charts">
          {others.map((card) =>
            card.kind === 'table' ? <TableCard key={card.id} card={card} /> : <ChartCard key={card.id} card={card} />,
          )}
        </div>
      </div>
    </>
  );
}

/** A unit that names a currency asks for two decimals. */
function shownValue(value: unknown, unit?: string | null): string {
  return isMoney(unit) ? formatAmount(value) : formatDecimal(value);
}
const isMoney = (unit?: string | null) => Boolean(unit && /^[A-Z]{3}$/.test(unit));

/** A card's link as the router takes it: the path, and what stands behind the question mark, read. */
function linkOf(link: string | null | undefined): { to: string; search: Record<string, unknown> } | null {
  if (!link?.startsWith('/')) return null;
  const url = new URL(link, location.origin);
  const search: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams) {
    try {
      search[name] = JSON.parse(value);
    } catch {
      search[name] = value;
    }
  }
  return { to: url.pathname, search };
}

function NumberCard({ card }: { card: DashboardCard }) {
  const { t } = useTranslation('dashboards');
  const value = card.data[0]?.value;
  const link = linkOf(card.link);
  return (
    <div className="kpi">
      <span className="kpi-title">{card.title}</span>
      <span className="kpi-value">
        {value === undefined ? BLANK : shownValue(value, card.unit)}
        {card.unit ? <span className="kpi-unit">{card.unit}</span> : null}
      </span>
      {link ? (
        <Link
          to={link.to}
          search={link.search}
          className="link kpi-link"
          aria-label={t('openCard', { title: card.title })}
        >
          {t('open')}
        </Link>
      ) : null}
    </div>
  );
}

function ChartCard({ card }: { card: DashboardCard }) {
  const { t } = useTranslation('dashboards');
  const [table, setTable] = useState(false);
  const points = useMemo(
    () => card.data.map((point) => ({ label: point.label, value: asDecimal(point.value) ?? '0' })),
    [card.data],
  );
  const summary = points
    .map((point) => `${point.label} ${shownValue(point.value, card.unit)}`)
    .join(t('listSeparator'));
  return (
    <Card
      title={
        <>
          {card.title}
          {card.unit ? <span className="th-unit">{card.unit}</span> : null}
        </>
      }
      id={`card-${card.id}`}
      actions={
        points.length > 0 ? (
          <Button
            look="text"
            icon={table ? 'chart' : 'table'}
            aria-label={t(table ? 'asChartOf' : 'asTableOf', { title: card.title })}
            onClick={() => setTable(!table)}
          >
            {t(table ? 'asChart' : 'asTable')}
          </Button>
        ) : null
      }
    >
      {points.length === 0 ? (
        <NoData />
      ) : table ? (
        <PointsTable card={card} />
      ) : (
        <Suspense fallback={<div className="chart chart-wait" />}>
          <Chart
            kind={card.kind === 'pie' ? 'pie' : 'bar'}
            name={t('chartName', { title: card.title, summary })}
            points={points}
          />
        </Suspense>
      )}
    </Card>
  );
}

function TableCard({ card }: { card: DashboardCard }) {
  return (
    <Card title={card.title} id={`card-${card.id}`}>
      {card.data.length === 0 ? <NoData /> : <PointsTable card={card} />}
    </Card>
  );
}

function NoData() {
  const { t } = useTranslation('dashboards');
  return (
    <PageState icon="chart" title={t('noData')} small>
      {t('noDataHint')}
    </PageState>
  );
}

function PointsTable({ card }: { card: DashboardCard }) {
  const { t } = useTranslation('dashboards');
  const total = sumDecimals(card.data.map((point) => asDecimal(point.value) ?? '0'));
  return (
    <DataTable
      caption={card.title}
      rows={card.data}
      rowKey={(point) => point.ref?.id ?? point.label}
      columns={[
        {
          id: 'label',
          title: t('label'),
          cell: (point) =>
            point.ref ? <RefLink object={point.ref.object} id={point.ref.id} title={point.label} /> : point.label,
          foot: card.kind === 'table' ? undefined : t('total'),
        },
        {
          id: 'value',
          title: t('value'),
          unit: card.unit ?? undefined,
          end: true,
          cell: (point) => <span className="num">{shownValue(point.value, card.unit)}</span>,
          foot: card.kind === 'table' ? undefined : <span className="num">{shownValue(total, card.unit)}</span>,
        },
      ]}
    />
  );
}
