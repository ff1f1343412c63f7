import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { searchQuery } from '../api/queries';
import { formatAmount, formatDate, reader } from '../lib/format';
import { utcToZoned } from '../lib/zone';
import { Combobox } from '../ui/combobox';
import { DateInput, DecimalInput } from '../ui/inputs';
import { Labelled } from '../ui/labelled';
import type { FilterKind, FilterProps, SummaryProps } from './kind';
import { RefTitle, titleQuery } from './titles';

/** The filters that several field types share. */

function ChoiceEdit({ field, operand, onChange }: FilterProps) {
  const chosen = operand.in ?? [];
  return (
    <fieldset className="checks">
      <legend className="sr-only">{field.title}</legend>
      {(field.options ?? []).map((option) => (
        <label key={option.name} className="check">
          <input
            type="checkbox"
            checked={chosen.includes(option.name)}
            onChange={(event) =>
              onChange({
                in: event.target.checked ? [...chosen, option.name] : chosen.filter((name) => name !== option.name),
              })
            }
          />
          {option.title}
        </label>
      ))}
    </fieldset>
  );
}
function ChoiceSummary({ field, operand }: SummaryProps) {
  const { t } = useTranslation('fields');
  const titles = (operand.in ?? []).map((name) => field.options?.find((option) => option.name === name)?.title ?? name);
  return titles.join(t('listSeparator'));
}
export const choiceFilter: FilterKind = { Edit: ChoiceEdit, Summary: ChoiceSummary };

function ReferenceEdit({ field, operand, onChange }: FilterProps) {
  const { t } = useTranslation('fields');
  const [search, setSearch] = useState('');
  const object = field.to?.[0] ?? field.type;
  const found = useQuery(searchQuery(object, useDeferredValue(search)));
  const chosen = operand.in ?? [];
  return (
    <div className="filter-stack">
      <Labelled label={field.title}>
        {(wiring) => (
          <Combobox
            wiring={wiring}
            chosen={null}
            several
            loading={found.isFetching}
            choices={(found.data?.data ?? [])
              .filter((record) => !chosen.includes(record.id))
              .map((record) => ({ id: record.id, title: record._title ?? record.id }))}
            onSearch={setSearch}
            onChoose={(choice) => choice && onChange({ in: [...chosen, choice.id] })}
          />
        )}
      </Labelled>
      <ul className="picked">
        {chosen.map((id) => (
          <li key={id}>
            <Picked
              object={object}
              id={id}
              onRemove={() => onChange({ in: chosen.filter((one) => one !== id) })}
              label={t('remove')}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}
function Picked({ object, id, onRemove, label }: { object: string; id: string; onRemove: () => void; label: string }) {
  const title = useQuery(titleQuery(object, id)).data ?? id;
  return (
    <label className="check">
      <input type="checkbox" checked onChange={onRemove} aria-label={`${label} ${title}`} />
      {title}
    </label>
  );
}
function ReferenceSummary({ field, operand }: SummaryProps) {
  const { t } = useTranslation('fields');
  return (operand.in ?? []).map((id, at) => (
    <span key={id}>
      {at > 0 ? t('listSeparator') : ''}
      <RefTitle object={field.to?.[0] ?? field.type} id={id} />
    </span>
  ));
}
export const referenceFilter: FilterKind = { Edit: ReferenceEdit, Summary: ReferenceSummary };

function RangeEdit({ operand, onChange }: FilterProps) {
  const { t } = useTranslation('fields');
  return (
    <div className="filter-stack">
      <Labelled label={t('range.from')}>
        {(wiring) => (
          <DecimalInput
            wiring={wiring}
            value={operand.gte ?? null}
            onChange={(gte) => onChange({ ...operand, gte: gte ?? undefined })}
          />
        )}
      </Labelled>
      <Labelled label={t('range.to')}>
        {(wiring) => (
          <DecimalInput
            wiring={wiring}
            value={operand.lte ?? null}
            onChange={(lte) => onChange({ ...operand, lte: lte ?? undefined })}
          />
        )}
      </Labelled>
    </div>
  );
}
function rangeText(operand: { gte?: string; lte?: string }, show: (value: string) => string): string {
  if (operand.gte && operand.lte) return `${show(operand.gte)} – ${show(operand.lte)}`;
  return operand.gte ? `≥ ${show(operand.gte)}` : operand.lte ? `≤ ${show(operand.lte)}` : '';
}
export const rangeFilter: FilterKind = {
  Edit: RangeEdit,
  Summary: ({ operand }) => rangeText(operand, (value) => formatAmount(value, 0)),
};

const PRESETS = [
  ['today', { today: true }],
  ['thisMonth', { this: 'month' }],
  ['lastMonth', { last: 'month' }],
  ['thisYear', { this: 'year' }],
] as const;

function DateEdit({ operand, onChange }: FilterProps) {
  const { t } = useTranslation('fields');
  const today = utcToZoned(new Date().toISOString(), reader.zone)?.date;
  const preset = presetOf(operand);
  return (
    <div className="filter-stack">
      <div className="presets">
        {PRESETS.map(([name, value]) => (
          <button
            key={name}
            type="button"
            className="chip"
            aria-pressed={preset === name}
            onClick={() => onChange({ ...value })}
          >
            {t(`preset.${name}`)}
          </button>
        ))}
      </div>
      <Labelled label={t('range.fromDay')}>
        {(wiring) => (
          <DateInput
            wiring={wiring}
            today={today}
            value={operand.gte ?? null}
            onChange={(gte) => onChange({ gte: gte ?? undefined, lte: operand.lte })}
          />
        )}
      </Labelled>
      <Labelled label={t('range.toDay')}>
        {(wiring) => (
          <DateInput
            wiring={wiring}
            today={today}
            value={operand.lte ?? null}
            onChange={(lte) => onChange({ gte: operand.gte, lte: lte ?? undefined })}
          />
        )}
      </Labelled>
    </div>
  );
}
function presetOf(operand: { today?: true; this?: string; last?: string }) {
  if (operand.today) return 'today';
  if (operand.this === 'month') return 'thisMonth';
  if (operand.this === 'year') return 'thisYear';
  return operand.last === 'month' ? 'lastMonth' : null;
}
function DateSummary({ operand }: SummaryProps) {
  const { t } = useTranslation('fields');
  const preset = presetOf(operand);
  return preset ? t(`preset.${preset}`) : rangeText(operand, formatDate);
}
export const dateFilter: FilterKind = { Edit: DateEdit, Summary: DateSummary };

function TextEdit({ operand, onChange }: FilterProps) {
  const { t } = useTranslation('fields');
  return (
    <Labelled label={t('contains')}>
      {({ id }) => (
        <input
          id={id}
          className="input"
          value={operand.contains ?? ''}
          onChange={(event) => onChange({ contains: event.target.value || undefined })}
        />
      )}
    </Labelled>
  );
}
export const textFilter: FilterKind = { Edit: TextEdit, Summary: ({ operand }) => operand.contains ?? '' };

function BooleanEdit({ field, operand, onChange }: FilterProps) {
  const { t } = useTranslation('fields');
  return (
    <fieldset className="checks">
      <legend className="sr-only">{field.title}</legend>
      {[true, false].map((value) => (
        <label key={String(value)} className="check">
          <input
            type="radio"
            name={field.name}
            checked={operand.eq === value}
            onChange={() => onChange({ eq: value })}
          />
          {t(value ? 'yes' : 'no')}
        </label>
      ))}
    </fieldset>
  );
}
function BooleanSummary({ operand }: SummaryProps) {
  const { t } = useTranslation('fields');
  return operand.eq === undefined ? '' : t(operand.eq ? 'yes' : 'no');
}
export const booleanFilter: FilterKind = { Edit: BooleanEdit, Summary: BooleanSummary };
