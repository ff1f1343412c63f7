import { useQueries } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DuplicatePolicy, Import, ImportMode, ImportPlan, Mapping, Target } from '../../api/contract/imports';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import { byField, problemText } from '../../api/problems';
import { objectQuery } from '../../api/queries';
import { isEditable } from '../../fields/object';
import { Button } from '../../ui/button';
import { Labelled } from '../../ui/labelled';
import { Card } from '../../ui/layout';
import { samplesOf } from './samples';

type Props = {
  job: Import;
  view: ObjectView;
  busy: boolean;
  error: unknown;
  onPlan: (plan: ImportPlan) => void;
  onBack?: () => void;
};

const MODES: ImportMode[] = ['upsert', 'create', 'update'];
const POLICIES: DuplicatePolicy[] = ['skip', 'update', 'create', 'error'];
const ENCODINGS = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'];
const DATE_FORMATS = ['d/m/y', 'm/d/y'];
const NUMBERS = new Set(['money', 'decimal', 'percent', 'integer']);
const KEY_TYPES = new Set(['text', 'email', 'phone']);

const asTarget = (written: Target | string | undefined): Target =>
  typeof written === 'string' ? { field: written } : (written ?? null);

/** What a mapping lacks or says twice; empty when it can be planned. */
export function problemsOf(mapping: Mapping, mode: ImportMode, by: string | undefined, fields: FieldView[]) {
  const used = Object.values(mapping).flatMap((target) => (target ? [target.field] : []));
  return {
    twice: [...new Set(used.filter((field, at) => used.indexOf(field) !== at))],
    missing:
      mode === 'update'
        ? []
        : fields
            .filter((field) => field.required && (field.default ?? null) === null && !used.includes(field.name))
            .map((field) => field.name),
    keyMissing: mode !== 'create' && (by === undefined || !used.includes(by)),
    nothing: used.length === 0,
  };
}

/** Which column goes where, and what to do with rows that are there already. */
export function MappingStep({ job, view, busy, error, onPlan, onBack }: Props) {
  const { t } = useTranslation('imports');
  const fields = view.fields.filter(mayTake);
  const [mapping, setMapping] = useState<Mapping>(() => {
    const known = new Set(fields.map((field) => field.name));
    return Object.fromEntries(
      job.columns.map((name) => {
        const target = asTarget(job.mapping?.[name]);
        return [name, target && known.has(target.field) ? target : null];
      }),
    );
  });
  const [mode, setMode] = useState<ImportMode>(job.mode ?? (view.key ? 'upsert' : 'create'));
  const [by, setBy] = useState<string | undefined>(job.by ?? view.key ?? undefined);
  const [duplicates, setDuplicates] = useState<DuplicatePolicy>(job.duplicates ?? 'skip');
  const [encoding, setEncoding] = useState('');
  const [sheet, setSheet] = useState(job.sheet ?? job.sheets?.[0] ?? '');
  const [dates, setDates] = useState(job.date_format ?? '');
  const [samples] = useState(() => samplesOf(job.id));
  const [thousands, setThousands] = useState(() => Object.values(mapping).some((target) => target?.thousands === true));

  const referred = [
    ...new Set(fields.filter((field) => field.type === 'reference').flatMap((field) => field.to ?? [])),
  ];
  const views = useQueries({ queries: referred.map((name) => ({ ...objectQuery(name), retry: false })) });
  const found = problemsOf(mapping, mode, by, fields);
  const keys = fields.filter((field) => KEY_TYPES.has(field.type));
  const titleOf = (name: string) => view.fields.find((field) => field.name === name)?.title ?? name;
  const typeOf = (target: Target) => fields.find((field) => field.name === target?.field)?.type ?? '';
  const hasDates = Object.values(mapping).some((target) => ['date', 'date_time'].includes(typeOf(target)));
  const hasNumbers = Object.values(mapping).some((target) => NUMBERS.has(typeOf(target)));
  const reason = found.nothing
    ? t('map.nothing')
    : found.twice.length > 0
      ? t('map.twice', { fields: found.twice.map(titleOf).join(t('comma')) })
      : found.keyMissing
        ? t('map.keyMissing', { field: by ? titleOf(by) : t('map.key') })
        : undefined;
  const set = (column: string, target: Target) => setMapping((before) => ({ ...before, [column]: target }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (reason || busy) return;
    onPlan({
      mapping: Object.fromEntries(
        Object.entries(mapping).map(([column, target]) => [
          column,
          target && { ...target, thousands: NUMBERS.has(typeOf(target)) && thousands ? true : undefined },
        ]),
      ),
      mode,
      by: mode === 'create' ? undefined : by,
      duplicates,
      encoding: encoding || undefined,
      sheet: job.sheets && job.sheets.length > 1 ? sheet : undefined,
      date_format: dates || undefined,
    });
  };
  return (
    <form className="stack" onSubmit={submit}>
      <Card title={t('map.title')} id="import-map">
        <p className="lead">{t('map.lead')}</p>
        <ul className="mapping">
          {job.columns.map((column) => (
            <ColumnRow
              key={column}
              column={column}
              samples={samples[column] ?? []}
              target={mapping[column] ?? null}
              fields={fields}
              twice={found.twice}
              view={(name) => views[referred.indexOf(name)]?.data}
              onChange={(target) => set(column, target)}
            />
          ))}
        </ul>
        {found.missing.length > 0 ? (
          <p className="notice notice-warning" role="status">
            {t('map.missing', { fields: found.missing.map(titleOf).join(t('comma')) })}
          </p>
        ) : null}
      </Card>
      <Card title={t('map.how')} id="import-how">
        <div className="form-grid">
          <Labelled label={t('map.mode')} help={t(`map.modeHelp.${mode}`)}>
            {(wiring) => (
              <select
                id={wiring.id}
                aria-describedby={wiring.describedBy}
                className="input select"
                value={mode}
                onChange={(event) => setMode(event.target.value as ImportMode)}
              >
                {MODES.map((one) => (
                  <option key={one} value={one}>
                    {t(`map.modes.${one}`)}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          {mode === 'create' ? null : (
            <Labelled label={t('map.by')} help={t('map.byHelp')}>
              {(wiring) => (
                <select
                  id={wiring.id}
                  aria-describedby={wiring.describedBy}
                  className="input select"
                  value={by ?? ''}
                  onChange={(event) => setBy(event.target.value || undefined)}
                >
                  <option value="">{t('map.choose')}</option>
                  {keys.map((field) => (
                    <option key={field.name} value={field.name}>
                      {field.title}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
          )}
          <Labelled label={t('map.duplicates')} help={t('map.duplicatesHelp')}>
            {(wiring) => (
              <select
                id={wiring.id}
                aria-describedby={wiring.describedBy}
                className="input select"
                value={duplicates}
                onChange={(event) => setDuplicates(event.target.value as DuplicatePolicy)}
              >
                {POLICIES.map((one) => (
                  <option key={one} value={one}>
                    {t(`map.policies.${one}`)}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          {job.format === 'csv' ? (
            <Labelled label={t('map.encoding')}>
              {({ id }) => (
                <select
                  id={id}
                  className="input select"
                  value={encoding}
                  onChange={(event) => setEncoding(event.target.value)}
                >
                  <option value="">{t('map.encodingAuto', { encoding: job.encoding ?? 'UTF-8' })}</option>
                  {ENCODINGS.map((one) => (
                    <option key={one} value={one}>
                      {one.toUpperCase()}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
          ) : null}
          {job.sheets && job.sheets.length > 1 ? (
            <Labelled label={t('map.sheet')}>
              {({ id }) => (
                <select
                  id={id}
                  className="input select"
                  value={sheet}
                  onChange={(event) => setSheet(event.target.value)}
                >
                  {job.sheets?.map((one) => (
                    <option key={one} value={one}>
                      {one}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
          ) : null}
          {hasDates ? (
            <Labelled label={t('map.dates')}>
              {({ id }) => (
                <select
                  id={id}
                  className="input select"
                  value={dates}
                  onChange={(event) => setDates(event.target.value)}
                >
                  <option value="">{t('map.datesAuto')}</option>
                  {DATE_FORMATS.map((one) => (
                    <option key={one} value={one}>
                      {t(`map.dateFormats.${one.replaceAll('/', '')}`)}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
          ) : null}
          {hasNumbers ? (
            <label className="check">
              <input type="checkbox" checked={thousands} onChange={(event) => setThousands(event.target.checked)} />
              {t('map.thousands')}
            </label>
          ) : null}
        </div>
      </Card>
      {error ? (
        <p className="notice notice-danger" role="alert">
          {[problemText(error), ...Object.values(byField(error))].join(' ')}
        </p>
      ) : null}
      <div className="form-foot">
        <span className="form-count" role="status">
          {reason ?? ''}
        </span>
        {onBack ? <Button onClick={onBack}>{t('map.back')}</Button> : null}
        <Button look="primary" type="submit" busy={busy} reason={reason}>
          {t('map.next')}
        </Button>
      </div>
    </form>
  );
}

const mayTake = (field: FieldView) => isEditable(field) && !['items', 'attachment', 'image'].includes(field.type);

type RowProps = {
  column: string;
  samples: string[];
  target: Target;
  fields: FieldView[];
  twice: string[];
  view: (object: string) => ObjectView | undefined;
  onChange: (target: Target) => void;
};

/** One column of the file: its name, what stands in it, where it goes. */
function ColumnRow({ column, samples, target, fields, twice, view, onChange }: RowProps) {
  const { t } = useTranslation('imports');
  const field = fields.find((one) => one.name === target?.field);
  const to = field?.type === 'reference' ? view(field.to?.[0] ?? '') : undefined;
  const ways = to ? waysTo(to) : [];
  const some = samples.filter((one) => one.trim() !== '');
  const bad = target && twice.includes(target.field);
  return (
    <li className="mapping-row">
      <span className="mapping-column">
        <strong>{column}</strong>
        {some.length > 0 ? <span className="muted clip">{some.join(t('comma'))}</span> : null}
      </span>
      <span className="mapping-target">
        <select
          className="input select"
          aria-label={t('map.goesTo', { column })}
          aria-invalid={bad || undefined}
          value={target?.field ?? ''}
          onChange={(event) => {
            const next = fields.find((one) => one.name === event.target.value);
            if (!next) onChange(null);
            else onChange({ field: next.name });
          }}
        >
          <option value="">{t('map.ignore')}</option>
          {fields.map((one) => (
            <option key={one.name} value={one.name}>
              {one.required ? t('map.required', { field: one.title }) : one.title}
            </option>
          ))}
        </select>
        {field && ways.length > 0 ? (
          <select
            className="input select"
            aria-label={t('map.byKey', { column })}
            value={target?.by ?? ''}
            onChange={(event) => onChange({ field: field.name, by: event.target.value || undefined })}
          >
            <option value="">{t('map.foundAny')}</option>
            {ways.map((way) => (
              <option key={way.name} value={way.name}>
                {t('map.foundBy', { object: to?.title, field: way.title })}
              </option>
            ))}
          </select>
        ) : null}
      </span>
    </li>
  );
}

/** What may name a referenced record: its key and its title. */
function waysTo(view: ObjectView): FieldView[] {
  return [...new Set([view.key, view.display])]
    .map((name) => view.fields.find((field) => field.name === name))
    .filter((field) => field !== undefined);
}
