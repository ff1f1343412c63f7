import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { attachmentsQuery, commentsQuery } from '../../api/people';
import { objectQuery, recordQuery } from '../../api/queries';
import { Attachments } from '../../fields/attachments';
import { failureOf } from '../../fields/explain';
import { allFields, fieldOf, sectionsOf } from '../../fields/object';
import { Place } from '../../fields/place';
import { formatCount, isBlank } from '../../lib/format';
import { Confirm } from '../../ui/dialog';
import { Card, PageHeader, Tabs } from '../../ui/layout';
import { Popover } from '../../ui/popover';
import { FailureState, Skeleton } from '../../ui/states';
import { AsOf } from './as-of';
import { Comments } from './comments';
import { History } from './history';
import { SectionCard, SystemCard, Value } from './record-facts';
import { useRemove } from './removal';
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
  const { tab: asked, at } = useSearch({ strict: false }) as { tab?: string; at?: string };
  const tab = TABS.find((one) => one === asked) ?? 'details';
  const navigate = useNavigate();
  const title = record._title ?? record.id;
  const state = allFields(view).find((field) => field.name === 'state');
  const template = view.templates?.find((one) => one.name === record.template);
  const update = record._actions?.find((action) => action.kind === 'update');
  const mayEdit = Boolean(update ? update.allowed : view.rights?.update);
  const place = { object, id, mayEdit, held: {}, hold: () => undefined };
  const counts = useCounts(object, id);
  return (
    <Place value={place}>
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
          at ? null : (
            <>
              {state && !isBlank(record.state) ? <Value field={state} record={record} /> : null}
              {template ? <span className="count">{template.title}</span> : null}
            </>
          )
        }
        actions={
          at ? null : (
            <>
              <TransitionButtons view={view} record={record} object={object} id={id} />
              {mayEdit ? (
                <Link className="btn btn-default" to="/records/$object/$id/edit" params={{ object, id }}>
                  {update?.title || t('edit')}
                </Link>
              ) : null}
              <More view={view} record={record} object={object} id={id} />
            </>
          )
        }
      />
      <div className="page">
        {at ? (
          <AsOf object={object} id={id} at={at} view={view} now={record} />
        ) : (
          <>
            <Tabs
              label={title}
              active={tab}
              tabs={TABS.map((one) => ({ id: one, title: t(`tab.${one}`), count: counts[one] }))}
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
              {tab === 'history' ? <History view={view} record={record} object={object} id={id} /> : null}
              {tab === 'comments' ? <Comments object={object} id={id} /> : null}
              {tab === 'attachments' ? (
                <Card>
                  <Attachments
                    object={object}
                    id={id}
                    editable={mayEdit}
                    label={t('tab.attachments')}
                    fieldTitle={(name) => fieldOf(view, name)?.title}
                  />
                </Card>
              ) : null}
              {tab === 'details' ? (
                <Details view={view} record={record} object={object} settlement={settlement} />
              ) : null}
            </div>
          </>
        )}
      </div>
    </Place>
  );
}

const TABS = ['details', 'history', 'comments', 'attachments'] as const;

function Details({
  view,
  record,
  object,
  settlement,
}: { view: ObjectView; record: RecordData; object: string } & Props) {
  const side = settlement(record, object);
  return (
    <div className={side ? 'columns' : undefined}>
      <div className="stack">
        {sectionsOf(view, record.template, 'keep').map((section) => (
          <SectionCard key={section.id} section={section} record={record} object={object} />
        ))}
      </div>
      <div className="stack">
        {side}
        <SystemCard view={view} record={record} />
      </div>
    </div>
  );
}

/** How much there is behind a tab, so that nobody opens an empty one. */
function useCounts(object: string, id: string): Record<string, string | undefined> {
  const comments = useInfiniteQuery({ ...commentsQuery(object, id), retry: false });
  const files = useQuery({ ...attachmentsQuery(object, id), retry: false });
  const said = comments.data?.pages.reduce((sum, page) => sum + page.data.length, 0) ?? 0;
  const sent = files.data?.data.length ?? 0;
  return {
    comments: said > 0 ? `${formatCount(said)}${comments.hasNextPage ? '+' : ''}` : undefined,
    attachments: sent > 0 ? formatCount(sent) : undefined,
  };
}

/** What is rarely done, and what cannot be taken back, behind one button. */
function More({ view, record, object, id }: { view: ObjectView; record: RecordData; object: string; id: string }) {
  const { t } = useTranslation('records');
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const remove = useRemove(
    () => navigate({ to: '/records/$object', params: { object } }),
    () => navigate({ to: '/records/$object/$id', params: { object, id } }),
  );
  const action = record._actions?.find((one) => one.kind === 'delete');
  const allowed = action ? action.allowed : view.rights?.delete;
  if (!action && !allowed) return null;
  const title = record._title ?? record.id;
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
          busy={remove.isPending}
          onConfirm={() =>
            remove.mutate(
              { object, id: record.id, version: record.version, title },
              { onSettled: () => setAsking(false) },
            )
          }
          onClose={() => setAsking(false)}
        >
          <p>{t('deleteSure', { object: view.title, title })}</p>
        </Confirm>
      ) : null}
    </>
  );
}
