import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { meQuery, objectQuery } from '../../api/queries';
import { currencyOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { reader } from '../../lib/format';
import { recall, remember } from '../../lib/store';
import { Button } from '../../ui/button';
import type { Column } from '../../ui/data-table';
import { Popover } from '../../ui/popover';

/** The first column opens the record, where records can be opened; the others only show. */
export function columnsFor(view: ObjectView, chosen: FieldView[], opens: boolean): Column<RecordData>[] {
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
      sortable: kind.sortable && !field.live,
      badge: field.name === 'state',
      cell: (record) => {
        const shown = <Cell field={field} value={record[field.name]} refs={record._refs} />;
        if (at > 0) return shown;
        const title = field.name === display ? (record._title ?? shown) : shown;
        return opens ? (
          <Link to="/records/$object/$id" params={{ object: view.name, id: record.id }} className="link row-link">
            {title}
          </Link>
        ) : (
          title
        );
      },
    };
  });
}

export type Columns = {
  chosen: FieldView[];
  /** Fields that a reference leads to, by the reference; asked for when somebody looks. */
  related: { field: FieldView; fields: FieldView[] | null }[];
  lookAt: (reference: string) => void;
  set: (names: string[] | null) => void;
};

const head = (name: string) => name.split('.')[0] ?? name;

/** Which columns are shown: chosen by the person and remembered here, else what the object's list says. */
export function useColumns(view: ObjectView, fields: FieldView[]): Columns {
  const user = useQuery({ ...meQuery, enabled: false }).data?.id ?? '';
  const key = `columns.${user}.${view.name}`;
  const [names, setNames] = useState<string[] | undefined>(() => recall<string[]>(key));
  const [looked, setLooked] = useState<string[]>([]);
  const standard = view.list?.columns?.length
    ? view.list.columns
    : [view.display ?? 'id', ...fields.slice(0, 6).map((field) => field.name)];
  const wanted = [...new Set(names ?? standard)];

  const references = fields.filter((field) => field.type === 'reference' && field.to?.length === 1);
  const needed = references.filter(
    (field) => looked.includes(field.name) || wanted.some((name) => name.includes('.') && head(name) === field.name),
  );
  const targets = useQueries({
    queries: needed.map((field) => ({ ...objectQuery(field.to?.[0] ?? ''), retry: false })),
  });
  const related = references.map((field) => {
    const target = targets[needed.indexOf(field)]?.data;
    return {
      field,
      fields: target ? target.fields.filter((one) => follows(one)).map((one) => behind(field, one)) : null,
    };
  });
  const all = [...fields, ...related.flatMap((one) => one.fields ?? [])];
  const found = wanted.map((name) => all.find((field) => field.name === name)).filter((field) => field !== undefined);
  return {
    chosen: found.length > 0 ? found : fields.slice(0, 5),
    related,
    lookAt: (reference) => setLooked((before) => [...new Set([...before, reference])]),
    set: (next) => {
      setNames(next ?? undefined);
      remember(key, next ?? undefined);
    },
  };
}

const follows = (field: FieldView) => !field.system && !field.hidden && !kindOf(field.type).listless;
const behind = (reference: FieldView, field: FieldView): FieldView => ({
  ...field,
  name: `${reference.name}.${field.name}`,
  title: `${reference.title} · ${field.title}`,
});

type PickerProps = { view: ObjectView; fields: FieldView[]; columns: Columns };

export function ColumnPicker({ view, fields, columns }: PickerProps) {
  const { t } = useTranslation('records');
  const chosen = columns.chosen.map((field) => field.name);
  const move = (name: string, step: number) => {
    const at = chosen.indexOf(name);
    const next = [...chosen];
    next.splice(at, 1);
    next.splice(Math.max(1, at + step), 0, name);
    columns.set(next);
  };
  const toggle = (name: string, on: boolean) =>
    columns.set(on ? [...chosen, name] : chosen.filter((one) => one !== name));
  const ordered = [...columns.chosen, ...fields.filter((field) => !chosen.includes(field.name))];
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
                      onChange={(event) => toggle(field.name, event.target.checked)}
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
          {columns.related.map(({ field, fields: behindIt }) => (
            <details key={field.name} className="picker-more" onToggle={() => columns.lookAt(field.name)}>
              <summary>{t('columnsOf', { field: field.title })}</summary>
              <div className="checks">
                {(behindIt ?? [])
                  .filter((one) => !chosen.includes(one.name))
                  .map((one) => (
                    <label key={one.name} className="check">
                      <input type="checkbox" checked={false} onChange={() => toggle(one.name, true)} />
                      {one.title}
                    </label>
                  ))}
              </div>
            </details>
          ))}
          <div className="picker-foot">
            <Button look="text" onClick={() => columns.set(null)}>
              {t('columnsReset')}
            </Button>
          </div>
        </div>
      )}
    </Popover>
  );
}
