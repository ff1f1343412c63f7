import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { meQuery, objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { allFields, currencyOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { isAsking } from '../../lib/filter';
import { formatCount, reader } from '../../lib/format';
import { recall, remember } from '../../lib/store';
import { Button } from '../../ui/button';
import { type Column, DataTable, isTyping, type Sort } from '../../ui/data-table';
import { SearchInput } from '../../ui/inputs';
import { Card, PageHeader } from '../../ui/layout';
import { Popover } from '../../ui/popover';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { FilterBar } from './filter-bar';
import { listQuery } from './list-query';
import type { ListSearch } from './list-search';

export default function ListPage() {
  const { object } = useParams({ strict: false }) as { object: string };
  const view = useQuery(objectQuery(object));
  if (view.data) return <List key={object} view={view.data} />;
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
  const navigate = useNavigate();
  const list = useInfiniteQuery(listQuery(view, search));
  const fields = useMemo(() => allFields(view).filter((field) => !kindOf(field.type).listless), [view]);
  const [columns, setColumns] = useColumns(view, fields);
  const plural = view.plural ?? view.title;

  const ask = (change: Partial<ListSearch>) => {
    const next = { ...search, ...change };
    const f = Object.fromEntries(Object.entries(next.f ?? {}).filter(([, chip]) => chip !== undefined));
    navigate({
      to: '/records/$object',
      params: { object: view.name },
      search: {
        q: next.q || undefined,
        sort: next.sort,
        f: Object.keys(f).length ? f : undefined,
        filter: next.filter,
      },
      replace: true,
      resetScroll: false,
    });
  };
  const [typed, setTyped] = useTyped(search.q ?? '', (q) => ask({ q }));
  useSlash('list-search');

  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const first = list.data?.pages[0];
  const narrowed = Boolean(search.q || search.filter) || Object.values(search.f ?? {}).some(isAsking);
  const sort = readSort(search.sort ?? view.list?.sort?.[0]);
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
      <PageHeader
        title={plural}
        after={
          first?.count === null || first?.count === undefined ? null : (
            <span className="count">
              {t(first.count_capped ? 'countCapped' : 'count', { count: first.count, shown: formatCount(first.count) })}
            </span>
          )
        }
        actions={create}
      />
      <div className="page">
        <div className="toolbar">
          <SearchInput id="list-search" value={typed} onChange={setTyped} label={t('search', { object: plural })} />
          {search.filter ? (
            <Button icon="close" aria-label={t('removeGiven')} onClick={() => ask({ filter: undefined })}>
              {t('givenFilter')}
            </Button>
          ) : null}
          <FilterBar view={view} fields={fields} chips={search.f ?? {}} onChange={(f) => ask({ f })} />
          <span className="toolbar-end">
            <ColumnPicker view={view} fields={fields} columns={columns} onChange={setColumns} />
          </span>
        </div>
        <Card className="card-flush">
          {list.isPending ? <Skeleton rows={10} /> : null}
          {list.error && rows.length === 0 ? (
            <FailureState failure={failureOf(list.error)} onRetry={() => list.refetch()} />
          ) : null}
          {list.error && rows.length > 0 ? (
            <p className="notice notice-danger" role="alert">
              {failureOf(list.error).text} <Button onClick={() => list.refetch()}>{t('retry')}</Button>
            </p>
          ) : null}
          {list.data && rows.length === 0 && !list.error ? (
            narrowed ? (
              <PageState
                icon="search"
                title={t('noMatch')}
                action={
                  <Button
                    onClick={() => {
                      setTyped('');
                      ask({ q: undefined, f: undefined, filter: undefined });
                    }}
                  >
                    {t('clearFilters')}
                  </Button>
                }
              >
                {t('noMatchHint')}
              </PageState>
            ) : (
              <PageState icon="empty" title={t('empty', { object: plural })} action={create}>
                {view.rights?.create ? t('emptyHint') : t('emptyHintReader')}
              </PageState>
            )
          ) : null}
          {rows.length > 0 ? (
            <DataTable
              caption={plural}
              columns={columnsFor(view, columns)}
              rows={rows}
              rowKey={(record) => record.id}
              sort={sort}
              onSort={(next) => ask({ sort: next ? `${next.down ? '-' : ''}${next.field}` : undefined })}
              walk
              stale={list.isPlaceholderData}
              more={list.hasNextPage ? { busy: list.isFetchingNextPage, load: () => list.fetchNextPage() } : null}
            />
          ) : null}
        </Card>
      </div>
    </>
  );
}

function readSort(text: string | undefined): Sort | null {
  const first = text?.split(',')[0];
  if (!first) return null;
  return first.startsWith('-') ? { field: first.slice(1), down: true } : { field: first, down: false };
}

/** The first column opens the record; the others only show. */
function columnsFor(view: ObjectView, chosen: FieldView[]): Column<RecordData>[] {
  const display = view.display;
  const ordered = [...chosen].sort((a, b) => Number(b.name === display) - Number(a.name === display));
  return ordered.map((field, at) => {
    const kind = kindOf(field.type);
    const Cell = kind.Cell ?? kind.Read;
    return {
      id: field.name,
      title: field.title,
      unit: currencyOf(field, reader.currency),
      end: at > 0 && kind.end,
      sortable: kind.sortable,
      badge: field.name === 'state',
      cell: (record) => {
        const shown = <Cell field={field} value={record[field.name]} refs={record._refs} />;
        if (at > 0) return shown;
        return (
          <Link to="/records/$object/$id" params={{ object: view.name, id: record.id }} className="link row-link">
            {field.name === display ? (record._title ?? shown) : shown}
          </Link>
        );
      },
    };
  });
}

/** Which columns are shown: chosen by the person and remembered here, else what the object's list says. */
function useColumns(view: ObjectView, fields: FieldView[]): [FieldView[], (names: string[] | null) => void] {
  const user = useQuery({ ...meQuery, enabled: false }).data?.id ?? '';
  const key = `columns.${user}.${view.name}`;
  const [names, setNames] = useState<string[] | undefined>(() => recall<string[]>(key));
  const standard = view.list?.columns?.length
    ? view.list.columns
    : [view.display ?? 'id', ...fields.slice(0, 6).map((field) => field.name)];
  const wanted = [...new Set(names ?? standard)];
  const found = wanted
    .map((name) => fields.find((field) => field.name === name))
    .filter((field) => field !== undefined);
  return [
    found.length > 0 ? found : fields.slice(0, 5),
    (next) => {
      setNames(next ?? undefined);
      remember(key, next ?? undefined);
    },
  ];
}

type PickerProps = {
  view: ObjectView;
  fields: FieldView[];
  columns: FieldView[];
  onChange: (names: string[] | null) => void;
};

function ColumnPicker({ view, fields, columns, onChange }: PickerProps) {
  const { t } = useTranslation('records');
  const chosen = columns.map((field) => field.name);
  const move = (name: string, step: number) => {
    const at = chosen.indexOf(name);
    const next = [...chosen];
    next.splice(at, 1);
    next.splice(Math.max(1, at + step), 0, name);
    onChange(next);
  };
  const ordered = [...columns, ...fields.filter((field) => !chosen.includes(field.name))];
  return (
    <Popover label={t('columns')} icon="columns" align="end">
      {() => (
        <div className="picker">
          <fieldset className="checks">
            <legend>{t('columnsShown')}</legend>
            {ordered.map((field, at) => {
              const on = chosen.includes(field.name);
              const fixed = field.name === view.display;
              return (
                <div key={field.name} className="picker-row">
                  <label className="check">
                    <input
                      type="checkbox"
                      checked={on}
                      disabled={fixed || (on && chosen.length === 1)}
                      onChange={(event) =>
                        onChange(
                          event.target.checked ? [...chosen, field.name] : chosen.filter((name) => name !== field.name),
                        )
                      }
                    />
                    {field.title}
                  </label>
                  {on && !fixed ? (
                    <span>
                      <Button
                        look="text"
                        icon="up"
                        aria-label={t('moveUp', { column: field.title })}
                        disabled={at <= 1}
                        onClick={() => move(field.name, -1)}
                      />
                      <Button
                        look="text"
                        icon="down"
                        aria-label={t('moveDown', { column: field.title })}
                        disabled={at >= chosen.length - 1}
                        onClick={() => move(field.name, 1)}
                      />
                    </span>
                  ) : null}
                </div>
              );
            })}
          </fieldset>
          <div className="picker-foot">
            <Button look="text" onClick={() => onChange(null)}>
              {t('columnsReset')}
            </Button>
          </div>
        </div>
      )}
    </Popover>
  );
}

/** The search box answers at once, the URL (and the server) a moment after the last key. */
function useTyped(value: string, settle: (value: string) => void): [string, (value: string) => void] {
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  const latest = useRef(settle);
  latest.current = settle;
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value; // the URL changed by itself: back, or a link
    setTyped(value);
  }, [value]);
  useEffect(() => {
    const text = typed.trim();
    if (text === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text;
      latest.current(text);
    }, 300);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, setTyped];
}

/** `/` goes to the search box, as everywhere. */
function useSlash(id: string) {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      document.getElementById(id)?.focus();
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, [id]);
}
