import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { call } from '../../api/client';
import type { Mention, MentionPage } from '../../api/contract/records';
import { mentionsQuery } from '../../api/people';
import { CommentText } from '../../fields/comment-text';
import { failureOf } from '../../fields/explain';
import { formatDateTime, formatRelative } from '../../lib/format';
import { Icon } from '../../ui/icon';
import { Popover } from '../../ui/popover';
import { FailureState, PageState, Skeleton } from '../../ui/states';

const MOST_SHOWN = 99;

/** Where somebody is named in a comment. Looking at the list is having read it. */
export function Inbox() {
  const { t } = useTranslation('app');
  const client = useQueryClient();
  const mentions = useQuery(mentionsQuery);
  const unread = mentions.data?.unread ?? 0;
  const read = useMutation({
    mutationFn: () => call<void>('POST', '/mentions/read', { body: {} }),
    onSuccess: () =>
      // The count goes; which ones were new stays to be seen until the list is asked for again.
      client.setQueryData<MentionPage>(mentionsQuery.queryKey, (before) => before && { ...before, unread: 0 }),
  });
  return (
    <Popover
      align="end"
      className="btn btn-text btn-icon inbox"
      name={unread > 0 ? t('inbox.unread', { count: unread }) : t('inbox.title')}
      onOpen={(open) => {
        if (!open) return;
        if (unread > 0) read.mutate();
        else void mentions.refetch();
      }}
      label={
        <>
          <Icon name="bell" />
          {unread > 0 ? (
            <span className="inbox-count" aria-hidden="true">
              {unread > MOST_SHOWN ? `${MOST_SHOWN}+` : unread}
            </span>
          ) : null}
        </>
      }
    >
      {(close) => (
        <section className="inbox-panel" aria-label={t('inbox.title')}>
          <h2 tabIndex={-1}>{t('inbox.title')}</h2>
          {mentions.isPending ? <Skeleton rows={3} /> : null}
          {mentions.error ? (
            <FailureState small failure={failureOf(mentions.error)} onRetry={() => mentions.refetch()} />
          ) : null}
          {mentions.data && mentions.data.data.length === 0 ? (
            <PageState icon="comment" title={t('inbox.empty')} small>
              {t('inbox.emptyHint')}
            </PageState>
          ) : null}
          <ul className="inbox-list">
            {(mentions.data?.data ?? []).map((mention) => (
              <One key={mention.comment.id} mention={mention} onGo={close} />
            ))}
          </ul>
        </section>
      )}
    </Popover>
  );
}

function One({ mention, onGo }: { mention: Mention; onGo: () => void }) {
  const { t } = useTranslation('app');
  const { comment, record, read } = mention;
  return (
    <li>
      <Link
        className="inbox-item"
        to="/records/$object/$id"
        params={{ object: record.object, id: record.id }}
        search={{ tab: 'comments' }}
        onClick={onGo}
      >
        <span className="inbox-head">
          {read ? null : <span className="inbox-new">{t('inbox.new')}</span>}
          <strong>{comment.author?.title ?? t('inbox.somebody')}</strong>
          <span>{t('inbox.on', { record: record.title })}</span>
          <time dateTime={comment.created_at} title={formatDateTime(comment.created_at)}>
            {formatRelative(comment.created_at)}
          </time>
        </span>
        <span className="inbox-text">
          <CommentText comment={comment} />
        </span>
      </Link>
    </li>
  );
}
