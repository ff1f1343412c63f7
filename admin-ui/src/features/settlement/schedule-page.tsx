import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Applied, AppliedPart, Schedule, Tier } from '../../api/contract/settlement';
import { problemText } from '../../api/problems';
import { failureOf } from '../../fields/explain';
import { formatDecimal } from '../../lib/format';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { DecimalInput } from '../../ui/inputs';
import { Labelled } from '../../ui/labelled';
import { Card, PageHeader } from '../../ui/layout';
import { ListCard } from '../../ui/list-page';
import { FailureState, Skeleton } from '../../ui/states';
import { scheduleQuery } from './queries';

type Numbered<T> = T & { at: number };

export default function SchedulePage() {
  const { t } = useTranslation('settlement');
  const { schedule: name } = useParams({ strict: false }) as { schedule: string };
  const found = useQuery(scheduleQuery(name));
  const schedule = found.data;
  return (
    <>
      <PageHeader
        title={schedule?.title ?? name}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/schedules" className="link">
              {t('schedules')}
            </Link>
          </nav>
        }
        after={schedule ? <span className="count">{t(`scheduleModes.${schedule.mode}`)}</span> : null}
      />
      <div className="page">
        {found.isPending ? <Skeleton rows={4} /> : null}
        {found.error ? <FailureState failure={failureOf(found.error)} onRetry={() => found.refetch()} /> : null}
        {schedule ? (
          <>
            <Tiers schedule={schedule} onRetry={() => found.refetch()} />
            <TryOut key={name} schedule={schedule} />
          </>
        ) : null}
      </div>
    </>
  );
}

function number(value: string | undefined) {
  return <span className="num">{formatDecimal(value)}</span>;
}

/** The tiers; what none of them has (a flat amount, a deduction) has no column. */
function Tiers({ schedule, onRetry }: { schedule: Schedule; onRetry: () => void }) {
  const { t } = useTranslation('settlement');
  const tiers = (schedule.tiers ?? []).map((tier, at) => ({ ...tier, at }));
  const has = (name: 'rate' | 'flat' | 'deduct' | 'quick_deduction') =>
    tiers.some((tier) => Number(tier[name] ?? 0) !== 0);
  const figures = (['rate', 'flat', 'deduct', 'quick_deduction'] as const).filter(has);
  const columns: Column<Numbered<Tier>>[] = [
    { id: 'tier', title: t('tier'), cell: (row) => <span className="num">{row.at + 1}</span> },
    {
      id: 'range',
      title: t('range'),
      cell: (row) => {
        const from = formatDecimal(tiers[row.at - 1]?.up_to ?? '0');
        return row.up_to === null ? t('rangeAbove', { from }) : t('rangeTo', { from, to: formatDecimal(row.up_to) });
      },
    },
    ...figures.map((name) => ({
      id: name,
      title: t(`tierFigures.${name}`),
      end: true,
      cell: (row: Numbered<Tier>) => number(row[name]),
    })),
  ];
  return (
    <ListCard
      title={t('tiers')}
      caption={t('tiers')}
      pending={false}
      failure={null}
      onRetry={onRetry}
      empty={null}
      columns={columns}
      rows={tiers}
      rowKey={(row) => `${row.at}`}
    />
  );
}

/** What the schedule makes of a quantity, on top of one that counts already. Nothing is posted. */
function TryOut({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation('settlement');
  const [quantity, setQuantity] = useState<string | null>(null);
  const [before, setBefore] = useState<string | null>(null);
  const apply = useMutation({
    mutationFn: () =>
      api.post<Applied>(`/settlement/schedules/${encodeURIComponent(schedule.name)}/apply`, {
        quantities: [...(before === null ? [] : [before]), quantity],
        cumulate: before !== null,
      }),
  });
  const one = apply.data?.applied.at(-1);
  const columns: Column<Numbered<AppliedPart>>[] = [
    { id: 'tier', title: t('tier'), cell: (row) => <span className="num">{row.tier + 1}</span> },
    ...(['quantity', 'rate', 'flat', 'amount'] as const).map((name) => ({
      id: name,
      title: t(name === 'quantity' || name === 'amount' ? name : `tierFigures.${name}`),
      end: true,
      cell: (row: Numbered<AppliedPart>) => number(row[name]),
      foot: name === 'amount' ? number(one?.amount) : '',
    })),
  ];
  return (
    <Card title={t('tryOut')} id="try-out">
      <form
        className="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          if (quantity !== null) apply.mutate();
        }}
      >
        <Labelled label={t('quantity')}>
          {(wiring) => <DecimalInput wiring={wiring} value={quantity} onChange={setQuantity} />}
        </Labelled>
        <Labelled label={t('quantityBefore')} help={t('quantityBeforeHint')}>
          {(wiring) => <DecimalInput wiring={wiring} value={before} onChange={setBefore} />}
        </Labelled>
        <Button
          type="submit"
          look="primary"
          busy={apply.isPending}
          reason={quantity === null ? t('quantityFirst') : undefined}
        >
          {t('calculate')}
        </Button>
      </form>
      {apply.error ? (
        <p className="notice notice-danger" role="alert">
          {problemText(apply.error)}
        </p>
      ) : null}
      {one ? (
        <div role="status">
          <p>{t('tried', { quantity: formatDecimal(one.quantity), amount: formatDecimal(one.amount) })}</p>
          <ListCard
            caption={t('tryOut')}
            pending={false}
            failure={null}
            onRetry={() => apply.mutate()}
            empty={null}
            columns={columns}
            rows={one.parts.map((part, at) => ({ ...part, at }))}
            rowKey={(row) => `${row.at}`}
          />
        </div>
      ) : null}
    </Card>
  );
}
