import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { download } from '../../api/client';
import type { AnalysisRow } from '../../api/contract/settlement';
import type { Ref } from '../../api/contract/shared';
import { problemText } from '../../api/problems';
import { failureOf } from '../../fields/explain';
import { RefLink } from '../../fields/titles';
import { BLANK, formatAmount } from '../../lib/format';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { Labelled } from '../../ui/labelled';
import { ListPage } from '../../ui/list-page';
import { PageState } from '../../ui/states';
import { PeriodChoice } from './period-choice';
import { analysisQuery, dimensionsQuery } from './queries';
import type { AnalysisSearch } from './search';

/** Dimensions of one view at most, as the server has it. */
const BY_MAX = 4;
const ACCOUNT = 'account';

const VIEWS = {
  result: { asks: 'attribution', figures: ['income', 'cost', 'profit'], usual: 'service_item' },
  ledger: { asks: 'balances', figures: ['debit', 'credit', 'balance'], usual: ACCOUNT },
} as const;

export default function AnalysisPage() {
  const { t } = useTranslation('settlement');
  const search = useSearch({ strict: false }) as AnalysisSearch;
  const navigate = useNavigate();
  const view = VIEWS[search.view ?? 'result'];
  const dimensions = useQuery(dimensionsQuery);
  const choices = [
    ...(search.view === 'ledger' ? [{ name: ACCOUNT, title: t('account') }] : []),
    ...(dimensions.data?.data ?? []),
  ];
  const usual = choices.find((choice) => choice.name === view.usual) ?? choices[0];
  const by = search.by?.split(',') ?? (usual ? [usual.name] : []);
  const found = useQuery({ ...analysisQuery(view.asks, by.join(','), search.period), enabled: by.length > 0 });
  const ask = (change: AnalysisSearch) =>
    navigate({ to: '/analysis', search: { ...search, ...change }, replace: true, resetScroll: false });
  const rows = found.data?.data ?? [];
  const totals = found.data?.totals ?? [];
  const shown = found.data?.by ?? by;
  const unit = totals.length === 1 ? totals[0]?.currency : undefined;
  const columns: Column<AnalysisRow>[] = [
    ...shown.map((name, at) => ({
      id: name,
      title: choices.find((choice) => choice.name === name)?.title ?? name,
      cell: (row: AnalysisRow) => <Member value={name === ACCOUNT ? (row.title ?? row.account) : row[name]} />,
      foot: at === 0 ? t('total') : '',
    })),
    ...view.figures.map((name) => ({
      id: name,
      title: t(`figures.${name}`),
      unit,
      end: true,
      cell: (row: AnalysisRow) => <Sums rows={[row]} name={name} unit={unit} />,
      foot: <Sums rows={totals} name={name} unit={unit} />,
    })),
  ];
  const failed = dimensions.error ?? found.error;
  const none = dimensions.data !== undefined && choices.length === 0;
  return (
    <ListPage
      title={t('analysis')}
      lead={t(search.view === 'ledger' ? 'ledgerLead' : 'resultLead')}
      actions={search.view === 'ledger' ? <EntriesButton period={search.period} /> : null}
      toolbar={
        <>
          <fieldset className="segmented">
            <legend className="sr-only">{t('analysis')}</legend>
            {([undefined, 'ledger'] as const).map((one) => (
              <button
                key={one ?? 'result'}
                type="button"
                aria-pressed={search.view === one}
                onClick={() => ask({ view: one, by: undefined })}
              >
                {t(one ?? 'attribution')}
              </button>
            ))}
          </fieldset>
          <By choices={choices} by={by} onChange={(names) => ask({ by: names.join(',') })} />
          <PeriodChoice chosen={search.period} onChange={(period) => ask({ period })} />
        </>
      }
      pending={dimensions.isPending || (by.length > 0 && found.isPending)}
      failure={failed ? failureOf(failed) : null}
      onRetry={() => {
        dimensions.refetch();
        found.refetch();
      }}
      empty={
        <PageState icon="chart" title={t(none ? 'noDimensions' : 'noResult')}>
          {t(none ? 'noDimensionsHint' : 'noResultHint')}
        </PageState>
      }
      columns={columns}
      rows={rows}
      rowKey={(row) => JSON.stringify([row.posting, ...shown.map((name) => row[name]), row.currency])}
      stale={found.isPlaceholderData}
    />
  );
}

/** What a group has for a dimension: a record, a word, or nothing. */
function Member({ value }: { value: unknown }) {
  if (value === null || value === undefined) return BLANK;
  if (typeof value !== 'object') return String(value);
  const ref = value as Ref;
  return <RefLink object={ref.object} id={ref.id} title={ref.title} />;
}

/** One figure of a group, or of the totals of each currency; each with its currency where there are several. */
function Sums({ rows, name, unit }: { rows: AnalysisRow[]; name: string; unit: string | undefined }) {
  return rows.map((row) => (
    <span className="num num-line" key={row.currency}>
      {unit ? null : <span className="currency">{row.currency}</span>}
      {formatAmount(row[name])}
    </span>
  ));
}

function By({
  choices,
  by,
  onChange,
}: {
  choices: { name: string; title: string }[];
  by: string[];
  onChange: (by: string[]) => void;
}) {
  const { t } = useTranslation('settlement');
  const toggled = (name: string) => (by.includes(name) ? by.filter((one) => one !== name) : [...by, name]);
  return (
    <Labelled label={t('groupBy')} help={by.length >= BY_MAX ? t('groupByMax', { count: BY_MAX }) : null} group>
      {() => (
        <div className="filters">
          {choices.map(({ name, title }) => {
            const at = by.indexOf(name);
            const fixed = at < 0 ? by.length >= BY_MAX : by.length === 1; // one at least, four at most
            return (
              <button
                key={name}
                type="button"
                className="chip"
                aria-pressed={at >= 0}
                aria-disabled={fixed || undefined}
                onClick={() => {
                  if (!fixed) onChange(toggled(name));
                }}
              >
                <span className="chip-text">{title}</span>
                {at >= 0 && by.length > 1 ? <span className="num">{at + 1}</span> : null}
              </button>
            );
          })}
        </div>
      )}
    </Labelled>
  );
}

/** The entries behind the balances, as a file. */
function EntriesButton({ period }: { period?: string }) {
  const { t } = useTranslation('settlement');
  const send = useMutation({
    mutationFn: () =>
      download('GET', '/settlement/entries', {
        query: { format: 'xlsx', period },
        name: `${['entries', period].filter(Boolean).join('-')}.xlsx`,
      }),
  });
  return (
    <>
      {send.error ? (
        <span className="field-error" role="alert">
          {problemText(send.error)}
        </span>
      ) : null}
      <Button icon="download" busy={send.isPending} onClick={() => send.mutate()}>
        {t('exportEntries')}
      </Button>
    </>
  );
}
