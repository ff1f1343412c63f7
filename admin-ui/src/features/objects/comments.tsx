import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Comment } from '../../api/contract/records';
import { commentsQuery } from '../../api/people';
import { problemText } from '../../api/problems';
import { meQuery } from '../../api/queries';
import { CommentText } from '../../fields/comment-text';
import { failureOf } from '../../fields/explain';
import { formatDateTime, formatRelative } from '../../lib/format';
import { randomId } from '../../lib/identity';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { Card } from '../../ui/layout';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { toast } from '../../ui/toasts';
import { MentionInput } from './mention-input';

type Place = { object: string; id: string };
const pathOf = ({ object, id }: Place) => `${api.record(object, id)}/comments`;

/** What people say about a record, newest first. */
export function Comments(place: Place) {
  const { t } = useTranslation('records');
  const comments = useInfiniteQuery(commentsQuery(place.object, place.id));
  const all = (comments.data?.pages.flatMap((page) => page.data) ?? []).sort((a, b) =>
    b.created_at.localeCompare(a.created_at),
  );
  return (
    <Card>
      <Writer place={place} />
      {comments.isPending ? <Skeleton rows={4} /> : null}
      {comments.error ? (
        <FailureState failure={failureOf(comments.error)} onRetry={() => comments.refetch()} small />
      ) : null}
      {comments.data && all.length === 0 ? (
        <PageState icon="comment" title={t('comments.empty')} small>
          {t('comments.emptyHint')}
        </PageState>
      ) : null}
      <ol className="comments" aria-label={t('tab.comments')}>
        {all.map((comment) => (
          <One key={comment.id} comment={comment} place={place} />
        ))}
      </ol>
      {comments.hasNextPage ? (
        <div className="more">
          <Button busy={comments.isFetchingNextPage} onClick={() => comments.fetchNextPage()}>
            {t('comments.older')}
          </Button>
        </div>
      ) : null}
    </Card>
  );
}

function useChanged({ object, id }: Place) {
  const client = useQueryClient();
  return () => {
    client.invalidateQueries({ queryKey: ['mentions'] });
    return client.invalidateQueries({ queryKey: commentsQuery(object, id).queryKey });
  };
}

function Writer({ place }: { place: Place }) {
  const { t } = useTranslation('records');
  const [text, setText] = useState('');
  const [key, setKey] = useState(randomId);
  const changed = useChanged(place);
  const write = useMutation({
    mutationFn: () => api.post<Comment>(pathOf(place), { text: text.trim() }, { 'Idempotency-Key': key }),
    onSuccess: () => {
      setText('');
      setKey(randomId());
      return changed();
    },
  });
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() && !write.isPending) write.mutate();
  };
  return (
    <form className="comment-form" onSubmit={send}>
      <MentionInput label={t('comments.write')} value={text} onChange={setText} onSend={send} />
      {write.error ? (
        <p className="field-error" role="alert">
          {problemText(write.error)}
        </p>
      ) : null}
      <div className="comment-foot">
        <span className="muted">{t('comments.hint')}</span>
        <Button
          look="primary"
          type="submit"
          busy={write.isPending}
          reason={text.trim() ? undefined : t('comments.nothing')}
        >
          {t('comments.send')}
        </Button>
      </div>
    </form>
  );
}

function One({ comment, place }: { comment: Comment; place: Place }) {
  const { t } = useTranslation('records');
  const me = useQuery({ ...meQuery, enabled: false }).data;
  const [editing, setEditing] = useState(false);
  const [asking, setAsking] = useState(false);
  const changed = useChanged(place);
  const remove = useMutation({
    mutationFn: () => api.remove(`${pathOf(place)}/${comment.id}`),
    onSuccess: () => {
      toast(t('comments.deleted'));
      return changed();
    },
    onError: (error) => toast(problemText(error), { tone: 'danger' }),
    onSettled: () => setAsking(false),
  });
  const name = comment.author?.title ?? t('comments.somebody');
  const mine = comment.mine ?? comment.author?.id === me?.id;
  return (
    <li className="comment">
      <span className="avatar" aria-hidden="true">
        {[...name][0]?.toUpperCase()}
      </span>
      <article className="comment-body" aria-label={t('comments.by', { name })}>
        <p className="comment-head">
          <strong>{name}</strong>
          <time dateTime={comment.created_at} title={formatDateTime(comment.created_at)}>
            {formatRelative(comment.created_at)}
          </time>
          {comment.edited_at ? (
            <span className="muted" title={formatDateTime(comment.edited_at)}>
              {t('comments.edited')}
            </span>
          ) : null}
          {mine && !editing ? (
            <span className="comment-acts">
              <Button look="text" icon="edit" aria-label={t('comments.edit')} onClick={() => setEditing(true)} />
              <Button look="text" icon="trash" aria-label={t('comments.delete')} onClick={() => setAsking(true)} />
            </span>
          ) : null}
        </p>
        {editing ? (
          <Editor comment={comment} place={place} onDone={() => setEditing(false)} />
        ) : (
          <p className="prose">
            <CommentText comment={comment} />
          </p>
        )}
      </article>
      {asking ? (
        <Confirm
          title={t('comments.deleteTitle')}
          confirm={t('comments.delete')}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          <p className="prose clip">{comment.text}</p>
        </Confirm>
      ) : null}
    </li>
  );
}

function Editor({ comment, place, onDone }: { comment: Comment; place: Place; onDone: () => void }) {
  const { t } = useTranslation('records');
  const [text, setText] = useState(comment.text);
  const changed = useChanged(place);
  const save = useMutation({
    mutationFn: () => api.patch<Comment>(`${pathOf(place)}/${comment.id}`, { text: text.trim() }),
    onSuccess: async () => {
      await changed();
      onDone();
    },
  });
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() === comment.text) onDone();
    else if (text.trim()) save.mutate();
  };
  return (
    <form className="comment-form" onSubmit={send}>
      <MentionInput label={t('comments.edit')} value={text} onChange={setText} onSend={send} onLeave={onDone} focus />
      {save.error ? (
        <p className="field-error" role="alert">
          {problemText(save.error)}
        </p>
      ) : null}
      <div className="comment-foot">
        <Button onClick={onDone}>{t('cancel')}</Button>
        <Button
          look="primary"
          type="submit"
          busy={save.isPending}
          reason={text.trim() ? undefined : t('comments.nothing')}
        >
          {t('save')}
        </Button>
      </div>
    </form>
  );
}
