import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView } from '../../api/contract/objects';
import type { Refs } from '../../api/contract/records';
import { BLANK } from '../../lib/format';
import { Button } from '../../ui/button';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { kindOf } from '../registry';

type Row = Record<string, unknown>;

const rowsOf = (value: unknown): Row[] => (Array.isArray(value) ? (value as Row[]) : []);
const columnsOf = (field: FieldView) => (field.item_fields ?? []).filter((column) => !column.system);
const isEditable = (column: FieldView) =>
  !column.read_only && !column.formula && kindOf(column.type).Edit !== undefined;

/** Owned rows, written whole with their parent: rows with an id are kept, others are new. */
function Edit({ field, value, onChange, errors }: EditProps) {
  const { t } = useTranslation('fields');
  const rows = rowsOf(value);
  const columns = columnsOf(field);
  const keys = useRef<{ next: number; of: WeakMap<Row, number> }>({ next: 1, of: new WeakMap() });
  const keyOf = (row: Row) => {
    let key = keys.current.of.get(row);
    if (!key) {
      key = keys.current.next;
      keys.current.next += 1;
      keys.current.of.set(row, key);
    }
    return key;
  };
  const change = (at: number, name: string, next: unknown) =>
    onChange(
      rows.map((row, index) => {
        if (index !== at) return row;
        const changed = { ...row, [name]: next };
        keys.current.of.set(changed, keyOf(row));
        return changed;
      }),
    );
  const blank = (): Row => {
    const row: Row = {};
    for (const column of columns)
      if (column.default !== undefined && column.default !== null) row[column.name] = column.default;
    return row;
  };
  return (
    <div className="items">
      {rows.length === 0 ? <p className="items-empty">{t('items.empty')}</p> : null}
      <ol className="items-rows">
        {rows.map((row, at) => (
          <li key={keyOf(row)} className="items-row" aria-label={t('items.row', { n: at + 1 })}>
            <span className="items-n">{at + 1}</span>
            <div className="items-cells">
              {columns.map((column) => {
                const kind = kindOf(column.type);
                const error = errors?.[`${at}/${column.name}`];
                const id = `item-${field.name}-${keyOf(row)}-${column.name}`;
                return (
                  <div
                    key={column.name}
                    className={`field${error ? ' field-bad' : ''}`}
                    data-path={`${field.name}/${at}/${column.name}`}
                  >
                    <label className="field-label" htmlFor={id}>
                      {column.title}
                      {column.required ? (
                        <span className="required" aria-hidden="true">
                          *
                        </span>
                      ) : null}
                    </label>
                    {isEditable(column) && kind.Edit ? (
                      <kind.Edit
                        field={column}
                        value={row[column.name]}
                        refs={row._refs as Refs | undefined}
                        wiring={{
                          id,
                          invalid: error ? true : undefined,
                          describedBy: error ? `${id}-error` : undefined,
                          required: column.required ? true : undefined,
                        }}
                        onChange={(next) => change(at, column.name, next)}
                      />
                    ) : (
                      <output id={id} className="computed">
                        <kind.Read field={column} value={row[column.name]} refs={row._refs as Refs | undefined} />
                      </output>
                    )}
                    {error ? (
                      <p className="field-error" id={`${id}-error`}>
                        {error}
                      </p>
                    ) : null}
                  </div>
                );
              })}
            </div>
            <Button
              look="text"
              icon="trash"
              aria-label={t('items.remove', { n: at + 1 })}
              onClick={() => onChange(rows.filter((_, index) => index !== at))}
            />
          </li>
        ))}
      </ol>
      <Button icon="plus" onClick={() => onChange([...rows, blank()])}>
        {t('items.add')}
      </Button>
    </div>
  );
}
function Read({ field, value }: ReadProps) {
  const rows = rowsOf(value);
  const columns = columnsOf(field);
  if (rows.length === 0) return BLANK;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className="table-scroll" tabIndex={0} aria-label={field.title}>
      <table className="table table-inner">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={kindOf(column.type).end ? 'end' : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={typeof row.id === 'string' ? row.id : at}>
              {columns.map((column) => {
                const { Read: Plain, Cell = Plain, end } = kindOf(column.type);
                return (
                  <td key={column.name} className={end ? 'end' : undefined}>
                    <Cell field={column} value={row[column.name]} refs={row._refs as Refs | undefined} />
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
export const items: FieldKind = { Edit, Read, full: true, group: true, listless: true };
