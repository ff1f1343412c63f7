import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { allFields } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { isAsking } from '../../lib/filter';
import { formatCount } from '../../lib/format';
import { usePhone } from '../../lib/use-media';
import { Button } from '../../ui/button';
import type { Sort } from '../../ui/data-table';
import { SearchInput } from '../../ui/inputs';
import { ListPage } from '../../ui/list-page';
import { Popover } from '../../ui/popover';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { RestoreButton, type RestoreRefusal, RestoreRefused } from './bin';
import { BulkBar } from './bulk-bar';
import { ColumnPicker, columnsFor, useColumns } from './columns';
import { ExportDialog } from './export-dialog';
import { FilterBar } from './filter-bar';
import { useSlash, useTyped } from './list-keys';
import { askedOf, listQuery } from './list-query';
import type { ListSearch } from './list-search';

export default function RecordsPage() {
  const { object } = useParams({ strict: false }) as { object: string };
  const { bin } = useSearch({ strict: false }) as ListSearch;
  const view = useQuery(objectQuery(object));
  if (view.data) return <List key={`${object}/${bin ? 'bin' : ''}`} view={view.data} />;
  return (
    <div className="page">
      {view.error ? (
        <FailureState failure={failureOf(view.error)} onRetry={() => view.refetch()} />
      ) : (
        <Skeleton rows={10} />
      )}
    </div>
  );
}

function List({ view }: { view: ObjectView }) {
  const { t } = useTranslation('records');
  const search = useSearch({ strict: false }) as ListSearch;
  const bin = Boolean(search.bin);
  const navigate = useNavigate();
  const client = useQueryClient();
  const fields = useMemo(() => allFields(view).filter((field) => !kindOf(field.type).listless), [view]);
  const columns = useColumns(view, fields);
  const list = useInfiniteQuery(listQuery(view, search, columns.chosen));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [exporting, setExporting] = useState<'list' | 'chosen' | null>(null);
  const [refusal, setRefusal] = useState<RestoreRefusal | null>(null);
  const plural = view.plural ?? view.title;

  const ask = (change: Partial<ListSearch>) => {
    const next = { ...search, ...change };
    const f = Object.fromEntries(Object.entries(next.f ?? {}).filter(([, chip]) => chip !== undefined));
    setChosen(new Set());
    navigate({
      to: '/records/$object',
      params: { object: view.name },
      search: {
        q: next.q || undefined,
        sort: next.sort,
        f: Object.keys(f).length ? f : undefined,
        filter: next.filter,
        bin: next.bin,
      },
      replace: true,
      resetScroll: false,
    });
  };
  const [typed, setTyped] = useTyped(search.q ?? '', (q) => ask({ q }));
  useSlash('list-search');

  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const ticked = rows.filter((row) => chosen.has(row.id));
  const first = list.data?.pages[0];
  const narrowed = Boolean(search.q || search.filter) || Object.values(search.f ?? {}).some(isAsking);
  const shownColumns = columnsFor(view, columns.chosen, !bin);
  const count =
    first?.count === null || first?.count === undefined
      ? null
      : t(first.count_capped ? 'countCapped' : 'count', { count: first.count, shown: formatCount(first.count) });
  const asked = askedOf(view, search);
  const create = view.rights?.create ? (
    <Link
      className="btn btn-primary"
      to="/records/$object/new"
      params={{ object: view.name }}
      aria-label={t('create', { object: view.title })}
    >
      {t('createShort', { object: view.title })}
    </Link>
  ) : null;

  return (
    <>
      <ListPage
        title={bin ? t('bin.title', { objects: plural }) : plural}
        before={
          bin ? (
            <nav className="crumbs" aria-label={t('breadcrumb')}>
              <Link to="/records/$object" params={{ object: view.name }} className="link">
                {plural}
              </Link>
            </nav>
          ) : null
        }
        count={count}
        lead={bin ? t('bin.lead') : undefined}
        actions={
          bin ? null : (
            <>
              <ListTools view={view} onExport={() => setExporting('list')} />
              {create}
            </>
          )
        }
        toolbar={
          <>
            <SearchInput id="list-search" value={typed} onChange={setTyped} label={t('search', { object: plural })} />
            {search.filter ? (
              <Button icon="close" aria-label={t('removeGiven')} onClick={() => ask({ filter: undefined })}>
                {t('givenFilter')}
              </Button>
            ) : null}
            <FilterBar view={view} fields={fields} chips={search.f ?? {}} onChange={(f) => ask({ f })} />
            <span className="toolbar-end">
              <ColumnPicker view={view} fields={fields} columns={columns} />
            </span>
          </>
        }
        notice={
          <>
            {refusal ? <RestoreRefused refusal={refusal} view={view} onClose={() => setRefusal(null)} /> : null}
            {ticked.length > 0 ? (
              <BulkBar view={view} rows={ticked} onChosen={setChosen} onExport={() => setExporting('chosen')} />
            ) : null}
          </>
        }
        pending={list.isPending}
        failure={list.error ? failureOf(list.error) : null}
        onRetry={() => list.refetch()}
        skeleton={10}
        empty={
          <NoRows
            view={view}
            bin={bin}
            narrowed={narrowed}
            create={create}
            onClear={() => {
              setTyped('');
              ask({ q: undefined, f: undefined, filter: undefined });
            }}
          />
        }
        columns={
          bin
            ? [
                ...shownColumns,
                {
                  id: 'restore',
                  title: t('bin.action'),
                  cell: (row: RecordData) => (
                    <RestoreButton
                      object={view.name}
                      record={row}
                      onDone={() => {
                        setRefusal(null);
                        client.invalidateQueries({ queryKey: ['records', view.name] });
                      }}
                      onRefused={setRefusal}
                    />
                  ),
                },
              ]
            : shownColumns
        }
        rows={rows}
        rowKey={(record) => record.id}
        sort={readSort(search.sort ?? view.list?.sort?.[0])}
        onSort={(next) => ask({ sort: next ? `${next.down ? '-' : ''}${next.field}` : undefined })}
        walk
        stale={list.isPlaceholderData}
        selection={bin ? undefined : { chosen, onChange: setChosen, title: (row) => row._title ?? row.id }}
        more={list.hasNextPage ? { busy: list.isFetchingNextPage, load: () => list.fetchNextPage() } : null}
      />
      {exporting ? (
        <ExportDialog
          view={view}
          fields={fields}
          columns={columns.chosen}
          asked={
            exporting === 'chosen' ? { filter: { id: { in: ticked.map((row) => row.id) } }, sort: asked.sort } : asked
          }
          scope={
            exporting === 'chosen'
              ? t('export.scopeChosen', { count: ticked.length })
              : t(narrowed ? 'export.scopeNarrowed' : 'export.scopeAll', { count: count ?? '' })
          }
          onClose={() => setExporting(null)}
        />
      ) : null}
    </>
  );
}

function readSort(text: string | undefined): Sort | null {
  const first = text?.split(',')[0];
  if (!first) return null;
  return first.startsWith('-') ? { field: first.slice(1), down: true } : { field: first, down: false };
}

/** Import, export and the recycle bin: buttons where there is room, one menu on a phone. */
function ListTools({ view, onExport }: { view: ObjectView; onExport: () => void }) {
  const { t } = useTranslation('records');
  const phone = usePhone();
  const mayImport = view.rights?.import ?? Boolean(view.rights?.create || view.rights?.update);
  const mayExport = view.rights?.export !== false;
  const importLink = (className: string) =>
    mayImport ? (
      <Link className={className} to="/imports/new" search={{ object: view.name }}>
        {t('import')}
      </Link>
    ) : null;
  return (
    <>
      {phone ? null : importLink('btn btn-default')}
      {phone || !mayExport ? null : <Button onClick={onExport}>{t('export.button')}</Button>}
      <Popover label="" icon="more" name={t('moreActions')} className="btn btn-default btn-icon" align="end">
        {(close) => (
          <ul className="menu">
            {phone && mayImport ? <li>{importLink('menu-link')}</li> : null}
            {phone && mayExport ? (
              <li>
                <button
                  type="button"
                  onClick={() => {
                    close();
                    onExport();
                  }}
                >
                  {t('export.button')}
                </button>
              </li>
            ) : null}
            {mayImport ? (
              <li>
                <Link className="menu-link" to="/imports" search={{ object: view.name }}>
                  {t('imports')}
                </Link>
              </li>
            ) : null}
            {view.rights?.delete === false ? null : (
              <li>
                <Link
                  className="menu-link"
                  to="/records/$object"
                  params={{ object: view.name }}
                  search={{ bin: true }}
                  onClick={close}
                >
                  {t('bin.open')}
                </Link>
              </li>
            )}
          </ul>
        )}
      </Popover>
    </>
  );
}

type NoRowsProps = {
  view: ObjectView;
  bin: boolean;
  narrowed: boolean;
  create: ReactNode;
  onClear: () => void;
};

function NoRows({ view, bin, narrowed, create, onClear }: NoRowsProps) {
  const { t } = useTranslation('records');
  if (narrowed)
    return (
      <PageState icon="search" title={t('noMatch')} action={<Button onClick={onClear}>{t('clearFilters')}</Button>}>
        {t('noMatchHint')}
      </PageState>
    );
  if (bin) return <PageState icon="trash" title={t('bin.empty')} />;
  return (
    <PageState icon="empty" title={t('empty', { object: view.plural ?? view.title })} action={create}>
      {view.rights?.create ? t('emptyHint') : t('emptyHintReader')}
    </PageState>
  );
}
