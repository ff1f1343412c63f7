import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { WhyButton } from '../../fields/explain';
import { allFields, type Section } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { equal } from '../../lib/equal';
import { isBlank } from '../../lib/format';
import { Card } from '../../ui/layout';

type Props = {
  section: Section;
  record: RecordData;
  object: string;
  /** The record as it is today, when an earlier one is shown: what differs is marked. */
  now?: RecordData;
};

export function SectionCard({ section, record, object, now }: Props) {
  const fields =
    section.id === 'others' ? section.fields.filter((field) => !isBlank(record[field.name])) : section.fields;
  if (fields.length === 0) return null;
  return (
    <Card title={section.title} id={`section-${section.id}`}>
      <dl className="facts">
        {fields.map((field) => (
          <Fact key={field.name} field={field} record={record} object={object} now={now} />
        ))}
      </dl>
    </Card>
  );
}

/** A value, and for computed ones where it came from. */
function Fact({ field, record, object, now }: Omit<Props, 'section'> & { field: FieldView }) {
  const { t } = useTranslation('records');
  const trace = record._trace?.[field.name];
  const explained = !now && Boolean(field.formula || trace || (field.type === 'money' && field.read_only));
  const differs = now !== undefined && !equal(now[field.name], record[field.name]);
  return (
    <div className={`${kindOf(field.type).full ? 'fact-full' : ''}${differs ? ' fact-differs' : ''}`}>
      <dt>{field.title}</dt>
      <dd>
        <span className="fact-value">
          <Value field={field} record={record} />
          {explained ? (
            <WhyButton
              title={field.title}
              path={`${api.record(object, record.id)}/explain/${encodeURIComponent(field.name)}`}
            />
          ) : null}
        </span>
        {trace?.sentence && !now ? <span className="fact-source">{trace.sentence}</span> : null}
        {differs && field.type !== 'items' ? (
          <span className="fact-source">
            {t('asOf.now')} <Value field={field} record={now} />
          </span>
        ) : null}
      </dd>
    </div>
  );
}

export function Value({ field, record }: { field: FieldView; record: RecordData }) {
  const { Read } = kindOf(field.type);
  return <Read field={field} value={record[field.name]} refs={record._refs} />;
}

export function SystemCard({ view, record }: { view: ObjectView; record: RecordData }) {
  const { t } = useTranslation('records');
  const fields = allFields(view);
  const shown = ['owner', 'department', 'created_at', 'created_by', 'updated_at', 'updated_by']
    .map((name) => fields.find((field) => field.name === name))
    .filter((field) => field !== undefined)
    .filter((field) => !isBlank(record[field.name]));
  return (
    <Card title={t('systemInfo')} id="section-system">
      <dl className="facts facts-narrow">
        {shown.map((field) => (
          <div key={field.name}>
            <dt>{field.title}</dt>
            <dd>
              <Value field={field} record={record} />
            </dd>
          </div>
        ))}
        <div>
          <dt>{t('version')}</dt>
          <dd className="num">{record.version}</dd>
        </div>
      </dl>
    </Card>
  );
}
