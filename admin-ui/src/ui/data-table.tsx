import { type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone } from '../lib/use-media';
import { Icon } from './icon';
import { useRowWindow } from './row-window';

export type Column<T> = {
  id: string;
  title: string;
  /** What the title bar adds, such as the currency. */
  unit?: string;
  end?: boolean;
  sortable?: boolean;
  /** Shown first on a card, beside the title. */
  badge?: boolean;
  cell: (row: T) => ReactNode;
  foot?: ReactNode;
};
export type Sort = { field: string; down: boolean };

type Props<T> = {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  sort?: Sort | null;
  onSort?: (sort: Sort | null) => void;
  /** Rows open by a link in their first cell; arrows and j/k walk over these links. */
  walk?: boolean;
  more?: { busy: boolean; load: () => void } | null;
  stale?: boolean;
  /** Rows can be ticked, by their keys. */
  selection?: Selection<T>;
};

export type Selection<T> = {
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  /** What a row is called, for those who hear its checkbox. */
  title: (row: T) => string;
};
export type TableProps<T> = Props<T>;

/** Rows of data: a table where there is room, cards on a phone. Knows nothing of where rows come from. */
export function DataTable<T>(props: Props<T>) {
  const { t } = useTranslation('ui');
  const { walk, more, stale } = props;
  const phone = usePhone();
  const root = useRef<HTMLDivElement>(null);
  useWalk(root, Boolean(walk));
  return (
    <div ref={root} className={`data${stale ? ' data-stale' : ''}`} aria-busy={stale || undefined}>
      {phone ? <Cards {...props} /> : <Table {...props} />}
      {more ? <More busy={more.busy} load={more.load} label={t('more')} /> : null}
    </div>
  );
}

function Table<T>({ caption, columns, rows, rowKey, sort, onSort, selection }: Props<T>) {
  const { t } = useTranslation('ui');
  const body = useRef<HTMLTableSectionElement>(null);
  const drawn = useRowWindow(body, rows.length);
  const tick = useTick(rows, rowKey, selection);
  const width = columns.length + (selection ? 1 : 0);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className="table-scroll" tabIndex={0} aria-label={caption}>
      <table className="table" aria-rowcount={drawn.below + drawn.above > 0 ? rows.length + 1 : undefined}>
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {selection ? (
              <th scope="col" className="tick">
                <input
                  type="checkbox"
                  aria-label={t('selectAll')}
                  checked={tick.all}
                  ref={(box) => {
                    if (box) box.indeterminate = tick.some && !tick.all;
                  }}
                  onChange={tick.toggleAll}
                />
              </th>
            ) : null}
            {columns.map((column) => (
              <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {drawn.above > 0 ? (
            <tr className="gap-row">
              <td colSpan={width} style={{ height: drawn.above }} />
            </tr>
          ) : null}
          {rows.slice(drawn.from, drawn.to).map((row, at) => (
            <tr
              key={rowKey(row)}
              data-row
              aria-rowindex={drawn.below + drawn.above > 0 ? drawn.from + at + 2 : undefined}
              data-chosen={selection?.chosen.has(rowKey(row)) || undefined}
            >
              {selection ? (
                <td className="tick">
                  <TickBox row={row} at={drawn.from + at} tick={tick} title={selection.title} />
                </td>
              ) : null}
              {columns.map((column) => (
                <td key={column.id} className={column.end ? 'end' : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          {drawn.below > 0 ? (
            <tr className="gap-row">
              <td colSpan={width} style={{ height: drawn.below }} />
            </tr>
          ) : null}
        </tbody>
        {columns.some((column) => column.foot !== undefined) ? (
          <tfoot>
            <tr>
              {selection ? <td /> : null}
              {columns.map((column) => (
                <td key={column.id} className={column.end ? 'end' : undefined}>
                  {column.foot}
                </td>
              ))}
            </tr>
          </tfoot>
        ) : null}
      </table>
    </section>
  );
}

function HeadCell<T>({ column, sort, onSort }: { column: Column<T> } & Pick<Props<T>, 'sort' | 'onSort'>) {
  const sorted = sort?.field === column.id;
  const title = (
    <>
      {column.title}
      {column.unit ? <span className="th-unit">{column.unit}</span> : null}
    </>
  );
  return (
    <th
      scope="col"
      className={column.end ? 'end' : undefined}
      aria-sort={sorted ? (sort.down ? 'descending' : 'ascending') : undefined}
    >
      {column.sortable && onSort ? (
        <button
          type="button"
          className="th-sort"
          onClick={() => {
            if (!sorted) onSort({ field: column.id, down: false });
            else if (!sort.down) onSort({ field: column.id, down: true });
            else onSort(null);
          }}
        >
          {title}
          <span className={`th-arrow${sorted ? ' th-arrow-on' : ''}`}>
            <Icon name={sorted && sort.down ? 'down' : 'up'} size={12} />
          </span>
        </button>
      ) : (
        title
      )}
    </th>
  );
}

function Cards<T>({ caption, columns, rows, rowKey, selection }: Props<T>) {
  const list = useRef<HTMLUListElement>(null);
  const drawn = useRowWindow(list, rows.length);
  const tick = useTick(rows, rowKey, selection);
  const [first, ...others] = columns;
  const badges = others.filter((column) => column.badge);
  const rest = others.filter((column) => !column.badge);
  return (
    <ul
      ref={list}
      className="rows"
      aria-label={caption}
      style={{ paddingTop: drawn.above || undefined, paddingBottom: drawn.below || undefined }}
    >
      {rows.slice(drawn.from, drawn.to).map((row, at) => (
        <li
          key={rowKey(row)}
          data-row
          className="row-card"
          data-chosen={selection?.chosen.has(rowKey(row)) || undefined}
        >
          <div className="row-card-head">
            {selection ? <TickBox row={row} at={drawn.from + at} tick={tick} title={selection.title} /> : null}
            <span className="row-card-title">{first?.cell(row)}</span>
            {badges.map((column) => (
              <span key={column.id}>{column.cell(row)}</span>
            ))}
          </div>
          <dl>
            {rest.map((column) => (
              <div key={column.id}>
                <dt>
                  {column.title}
                  {column.unit ? <span className="th-unit">{column.unit}</span> : null}
                </dt>
                <dd>{column.cell(row)}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

type Tick<T> = {
  all: boolean;
  some: boolean;
  toggleAll: () => void;
  has: (row: T) => boolean;
  toggle: (at: number, stretch: boolean) => void;
};

/** Ticking one row, a stretch of rows with Shift, or every row that is loaded. */
function useTick<T>(rows: T[], rowKey: (row: T) => string, selection: Selection<T> | undefined): Tick<T> {
  const last = useRef<number | null>(null);
  const chosen = selection?.chosen ?? new Set<string>();
  const all = rows.length > 0 && rows.every((row) => chosen.has(rowKey(row)));
  return {
    all,
    some: chosen.size > 0,
    toggleAll: () => selection?.onChange(all ? new Set() : new Set(rows.map(rowKey))),
    has: (row) => chosen.has(rowKey(row)),
    toggle: (at, stretch) => {
      const row = rows[at];
      if (!row || !selection) return;
      const on = !chosen.has(rowKey(row));
      const from = stretch && last.current !== null ? Math.min(last.current, at) : at;
      const to = stretch && last.current !== null ? Math.max(last.current, at) : at;
      const next = new Set(chosen);
      for (const one of rows.slice(from, to + 1)) {
        if (on) next.add(rowKey(one));
        else next.delete(rowKey(one));
      }
      last.current = at;
      selection.onChange(next);
    },
  };
}

function TickBox<T>({ row, at, tick, title }: { row: T; at: number; tick: Tick<T>; title: (row: T) => string }) {
  const { t } = useTranslation('ui');
  return (
    <input
      type="checkbox"
      aria-label={t('selectRow', { title: title(row) })}
      checked={tick.has(row)}
      onChange={(event) => tick.toggle(at, event.nativeEvent instanceof MouseEvent && event.nativeEvent.shiftKey)}
    />
  );
}

/** Loads by itself when it comes into sight; also a button, for keyboards and for when it failed. */
function More({ busy, load, label }: { busy: boolean; load: () => void; label: string }) {
  const ref = useRef<HTMLButtonElement>(null);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const button = ref.current;
    if (!button || busy || typeof IntersectionObserver === 'undefined') return;
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) latest.current();
    });
    seen.observe(button);
    return () => seen.disconnect();
  }, [busy]);
  return (
    <div className="more">
      <button
        ref={ref}
        type="button"
        className="btn btn-default"
        aria-busy={busy || undefined}
        onClick={() => (busy ? undefined : load())}
      >
        {label}
      </button>
    </div>
  );
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function useWalk(root: React.RefObject<HTMLDivElement | null>, on: boolean) {
  useEffect(() => {
    if (!on) return;
    const key = (event: KeyboardEvent) => {
      if (
        event.altKey ||
        event.ctrlKey ||
        event.metaKey ||
        isTyping(event.target) ||
        document.querySelector('dialog[open]')
      )
        return;
      const inside = root.current?.contains(document.activeElement) || document.activeElement === document.body;
      const step =
        event.key === 'j' || (event.key === 'ArrowDown' && inside)
          ? 1
          : event.key === 'k' || (event.key === 'ArrowUp' && inside)
            ? -1
            : 0;
      if (!step || (event.target instanceof HTMLElement && event.target.closest('.popover, [role=tablist]'))) return;
      const links = [...(root.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]
        .map((row) => row.querySelector<HTMLElement>('a[href]'))
        .filter((link) => link !== null);
      if (links.length === 0) return;
      event.preventDefault();
      const row = document.activeElement?.closest('[data-row]');
      const at = links.findIndex((link) => row?.contains(link));
      const next = links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + step))];
      next?.focus();
      next?.scrollIntoView?.({ block: 'nearest' });
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, [on, root]);
}
