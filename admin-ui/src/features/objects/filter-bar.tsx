import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import { kindOf } from '../../fields/registry';
import { type Chips, isAsking, type Operand } from '../../lib/filter';
import { Button } from '../../ui/button';
import { Icon } from '../../ui/icon';
import { Popover } from '../../ui/popover';

type Props = { view: ObjectView; fields: FieldView[]; chips: Chips; onChange: (chips: Chips) => void };

/** One chip per filter; the object's own filters are always offered, the others behind "add". */
export function FilterBar({ view, fields, chips, onChange }: Props) {
  const { t } = useTranslation('records');
  const [fresh, setFresh] = useState<string | null>(null);
  const filterable = fields.filter((field) => !field.live && kindOf(field.type).filter && hasChoices(field));
  const offered = view.list?.filters ?? [];
  const shown = filterable
    .filter((field) => offered.includes(field.name) || chips[field.name] || fresh === field.name)
    .sort((a, b) => place(offered, a) - place(offered, b));
  const others = filterable.filter((field) => !shown.includes(field));
  const change = (name: string, operand: Operand | null) => {
    const next = { ...chips };
    if (operand && isAsking(operand)) next[name] = operand;
    else delete next[name];
    onChange(next);
  };
  return (
    <fieldset className="filters">
      <legend className="sr-only">{t('filters')}</legend>
      {shown.map((field) => (
        <FilterChip
          key={field.name}
          field={field}
          operand={chips[field.name] ?? {}}
          startOpen={fresh === field.name}
          onChange={(operand) => change(field.name, operand)}
          onClosed={() => setFresh(null)}
        />
      ))}
      {others.length > 0 ? (
        <Popover label={t('addFilter')} icon="filter" className="chip chip-add">
          {(close) => (
            <ul className="menu">
              {others.map((field) => (
                <li key={field.name}>
                  <button
                    type="button"
                    onClick={() => {
                      close();
                      setFresh(field.name);
                    }}
                  >
                    {field.title}
                  </button>
                </li>
              ))}
            </ul>
          )}
        </Popover>
      ) : null}
      {Object.keys(chips).length > 1 ? (
        <Button look="text" onClick={() => onChange({})}>
          {t('clearFilters')}
        </Button>
      ) : null}
    </fieldset>
  );
}

const hasChoices = (field: FieldView) =>
  !['choice', 'choices', 'state'].includes(field.type) || (field.options?.length ?? 0) > 0;
const place = (offered: string[], field: FieldView) => {
  const at = offered.indexOf(field.name);
  return at < 0 ? offered.length : at;
};

type ChipProps = {
  field: FieldView;
  operand: Operand;
  startOpen: boolean;
  onChange: (operand: Operand | null) => void;
  onClosed: () => void;
};

function FilterChip({ field, operand, startOpen, onChange, onClosed }: ChipProps) {
  const { t } = useTranslation('records');
  const [open, setOpen] = useState(startOpen);
  const filter = kindOf(field.type).filter;
  if (!filter) return null;
  const on = isAsking(operand);
  return (
    <span className={`chip-group${on ? ' chip-on' : ''}`}>
      <Popover
        open={open}
        onOpen={(next) => {
          setOpen(next);
          if (!next) onClosed();
        }}
        className="chip"
        caret={!on}
        label={
          on ? (
            <span className="chip-text">
              {t('chip', { field: field.title })}
              <strong>
                <filter.Summary field={field} operand={operand} />
              </strong>
            </span>
          ) : (
            field.title
          )
        }
      >
        {(close) => (
          <div className="filter-panel">
            <filter.Edit field={field} operand={operand} onChange={onChange} />
            <div className="picker-foot">
              <Button look="text" onClick={() => onChange(null)}>
                {t('clearFilter')}
              </Button>
              <Button onClick={close}>{t('done')}</Button>
            </div>
          </div>
        )}
      </Popover>
      {on ? (
        <button
          type="button"
          className="chip-off"
          aria-label={t('removeFilter', { field: field.title })}
          onClick={() => onChange(null)}
        >
          <Icon name="close" size={14} />
        </button>
      ) : null}
    </span>
  );
}
