import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { objectQuery, recordQuery } from '../../api/queries';
import { failureOf, WhyButton } from '../../fields/explain';
import { allFields, type Section, sectionsOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { isBlank } from '../../lib/format';
import { Confirm } from '../../ui/dialog';
import { Card, PageHeader, Tabs } from '../../ui/layout';
import { Popover } from '../../ui/popover';
import { FailureState, Skeleton } from '../../ui/states';
import { History } from './history';
import { removeWithUndo } from './removal';
import { TransitionButtons } from './transition-buttons';

type Props = { settlement: (record: RecordData, object: string) => ReactNode };

export default function RecordPage({ settlement }: Props) {
  const { object, id } = useParams({ strict: false }) as { object: string; id: string };
  const view = useQuery(objectQuery(object));
  const record = useQuery(recordQuery(object, id));
  if (view.data && record.data) {
    return (
      <Detail
        key={`${object}/${id}`}
        view={view.data}
        record={record.data}
        object={object}
        id={id}
        settlement={settlement}
      />
    );
  }
  const query = view.error ? view : record;
  return (
    <div className="page">
      {query.error ? (
        <FailureState failure={failureOf(query.error)} onRetry={() => query.refetch()} />
      ) : (
        <Skeleton rows={10} />
      )}
    </div>
  );
}

function Detail({
  view,
  record,
  object,
  id,
  settlement,
}: { view: ObjectView; record: RecordData; object: string; id: string } & Props) {
  const { t } = useTranslation('records');
  const { tab = 'details' } = useSearch({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  const title = record._title ?? record.id;
  const fields = allFields(view);
  const state = fields.find((field) => field.name === 'state');
  const template = view.templates?.find((one) => one.name === record.template);
  const update = record._actions?.find((action) => action.kind === 'update');
  const mayEdit = update ? update.allowed : view.rights?.update;
  const side = settlement(record, object);
  return (
    <>
      <PageHeader
        title={title}
        tab={`${title} · ${view.title}`}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/records/$object" params={{ object }} className="link">
              {view.plural ?? view.title}
            </Link>
          </nav>
        }
        after={
          <>
            {state && !isBlank(record.state) ? <Value field={state} record={record} /> : null}
            {template ? <span className="count">{template.title}</span> : null}
          </>
        }
        actions={
          <>
            <TransitionButtons view={view} record={record} object={object} id={id} />
            {mayEdit ? (
              <Link className="btn btn-default" to="/records/$object/$id/edit" params={{ object, id }}>
                {update?.title || t('edit')}
              </Link>
            ) : null}
            <More view={view} record={record} object={object} id={id} />
          </>
        }
      />
      <div className="page">
        <Tabs
          label={title}
          active={tab}
          tabs={[
            { id: 'details', title: t('tab.details') },
            { id: 'history', title: t('tab.history') },
          ]}
          onChange={(next) =>
            navigate({
              to: '/records/$object/$id',
              params: { object, id },
              search: { tab: next === 'details' ? undefined : next },
              replace: true,
              resetScroll: false,
            })
          }
        />
        <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`}>
          {tab === 'history' ? (
            <History view={view} record={record} object={object} id={id} />
          ) : (
            <div className={side ? 'columns' : undefined}>
              <div className="stack">
                {sectionsOf(view, record.template, 'keep').map((section) => (
                  <SectionCard key={section.id} section={section} record={record} object={object} />
                ))}
              </div>
              <div className="stack">
                {side}
                <SystemCard fields={fields} record={record} />
              </div>
            </div>
          )}
        </div>
      </div>
    </>
  );
}

function SectionCard({ section, record, object }: { section: Section; record: RecordData; object: string }) {
  const fields =
    section.id === 'others' ? section.fields.filter((field) => !isBlank(record[field.name])) : section.fields;
  if (fields.length === 0) return null;
  return (
    <Card title={section.title} id={`section-${section.id}`}>
      <dl className="facts">
        {fields.map((field) => (
          <Fact key={field.name} field={field} record={record} object={object} />
        ))}
      </dl>
    </Card>
  );
}

/** A value, and for computed ones where it came from. */
function Fact({ field, record, object }: { field: FieldView; record: RecordData; object: string }) {
  const trace = record._trace?.[field.name];
  const explained = Boolean(field.formula || trace || (field.type === 'money' && field.read_only));
  return (
    <div className={kindOf(field.type).full ? 'fact-full' : undefined}>
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
        {trace?.sentence ? <span className="fact-source">{trace.sentence}</span> : null}
      </dd>
    </div>
  );
}

function Value({ field, record }: { field: FieldView; record: RecordData }) {
  const { Read } = kindOf(field.type);
  return <Read field={field} value={record[field.name]} refs={record._refs} />;
}

function SystemCard({ fields, record }: { fields: FieldView[]; record: RecordData }) {
  const { t } = useTranslation('records');
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

/** What is rarely done, and what cannot be taken back, behind one button. */
function More({ view, record, object, id }: { view: ObjectView; record: RecordData; object: string; id: string }) {
  const { t } = useTranslation('records');
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const action = record._actions?.find((one) => one.kind === 'delete');
  const allowed = action ? action.allowed : view.rights?.delete;
  if (!action && !allowed) return null;
  const title = record._title ?? record.id;
  const remove = () => {
    setAsking(false);
    removeWithUndo(client, { object, id: record.id, version: record.version, title }, () =>
      navigate({ to: '/records/$object/$id', params: { object, id } }),
    );
    navigate({ to: '/records/$object', params: { object } });
  };
  return (
    <>
      <Popover label="" icon="more" name={t('moreActions')} className="btn btn-default btn-icon" align="end">
        {(close) => (
          <ul className="menu">
            <li>
              <button
                type="button"
                className="menu-danger"
                aria-disabled={!allowed || undefined}
                onClick={() => {
                  if (!allowed) return;
                  close();
                  setAsking(true);
                }}
              >
                {action?.title || t('delete')}
                {allowed ? null : <span className="menu-note">{action?.reason ?? t('notAllowed')}</span>}
              </button>
            </li>
          </ul>
        )}
      </Popover>
      {asking ? (
        <Confirm
          title={t('deleteTitle', { title })}
          confirm={t('delete')}
          danger
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          <p>{t('deleteSure', { object: view.title, title })}</p>
        </Confirm>
      ) : null}
    </>
  );
}
