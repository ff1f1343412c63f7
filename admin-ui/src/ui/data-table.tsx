import { type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone } from '../lib/use-media';
import { Icon } from './icon';

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
};

/** Rows of data: a table where there is room, cards on a phone. Knows nothing of where rows come from. */
export function DataTable<T>({ caption, columns, rows, rowKey, sort, onSort, walk, more, stale }: Props<T>) {
  const { t } = useTranslation('ui');
  const phone = usePhone();
  const root = useRef<HTMLDivElement>(null);
  useWalk(root, Boolean(walk));
  return (
    <div ref={root} className={`data${stale ? ' data-stale' : ''}`} aria-busy={stale || undefined}>
      {phone ? <Cards caption={caption} columns={columns} rows={rows} rowKey={rowKey} /> : null}
      {phone ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <section className="table-scroll" tabIndex={0} aria-label={caption}>
          <table className="table">
            <caption className="sr-only">{caption}</caption>
            <thead>
              <tr>
                {columns.map((column) => {
                  const sorted = sort?.field === column.id;
                  const title = (
                    <>
                      {column.title}
                      {column.unit ? <span className="th-unit">{column.unit}</span> : null}
                    </>
                  );
                  return (
                    <th
                      key={column.id}
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
                })}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={rowKey(row)}>
                  {columns.map((column) => (
                    <td key={column.id} className={column.end ? 'end' : undefined}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
            {columns.some((column) => column.foot !== undefined) ? (
              <tfoot>
                <tr>
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
      )}
      {more ? <More busy={more.busy} load={more.load} label={t('more')} /> : null}
    </div>
  );
}

function Cards<T>({ caption, columns, rows, rowKey }: Pick<Props<T>, 'caption' | 'columns' | 'rows' | 'rowKey'>) {
  const [first, ...others] = columns;
  const badges = others.filter((column) => column.badge);
  const rest = others.filter((column) => !column.badge);
  return (
    <ul className="rows" aria-label={caption}>
      {rows.map((row) => (
        <li key={rowKey(row)} className="row-card">
          <div className="row-card-head">
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
      const links = [...(root.current?.querySelectorAll<HTMLElement>('tbody tr, .row-card') ?? [])]
        .map((row) => row.querySelector<HTMLElement>('a[href]'))
        .filter((link) => link !== null);
      if (links.length === 0) return;
      event.preventDefault();
      const row = document.activeElement?.closest('tbody tr, .row-card');
      const at = links.findIndex((link) => row?.contains(link));
      const next = links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + step))];
      next?.focus();
      next?.scrollIntoView?.({ block: 'nearest' });
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, [on, root]);
}
