import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, asProblem, upload } from '../api/client';
import type { Attachment } from '../api/contract/records';
import { attachmentsQuery } from '../api/people';
import { problemText } from '../api/problems';
import { formatBytes, formatDateTime, formatRelative } from '../lib/format';
import { randomId } from '../lib/identity';
import { Button } from '../ui/button';
import { Confirm } from '../ui/dialog';
import { DropZone } from '../ui/drop-zone';
import { Icon, type IconName } from '../ui/icon';
import { Progress } from '../ui/progress';
import { FailureState, PageState, Skeleton } from '../ui/states';
import { toast } from '../ui/toasts';
import { failureOf } from './explain';

type Props = {
  object: string;
  id: string;
  /** Only the files of one field; all of the record's without. */
  field?: string;
  /** What a field is called, to say where a file belongs. */
  fieldTitle?: (name: string) => string | undefined;
  images?: boolean;
  /** A field of one file: another one takes its place. */
  single?: boolean;
  editable: boolean;
  label: string;
  inputId?: string;
};
type Sending = { key: string; file: File; ratio: number; error: string | null; stop: AbortController };

const PREVIEW_BYTES = 3_000_000;
const href = (file: Attachment) => `/api/v1/attachments/${encodeURIComponent(file.id)}`;

/** Files of a record: dropped or chosen, sent at once, each with its progress, its size and its way out. */
export function Attachments({ object, id, field, fieldTitle, images, single, editable, label, inputId }: Props) {
  const { t } = useTranslation('fields');
  const client = useQueryClient();
  const query = attachmentsQuery(object, id);
  const files = useQuery(query);
  const [sending, setSending] = useState<Sending[]>([]);
  const shown = (files.data?.data ?? []).filter((one) => field === undefined || one.field === field);
  const set = (key: string, change: Partial<Sending>) =>
    setSending((all) => all.map((one) => (one.key === key ? { ...one, ...change } : one)));
  const drop = (key: string) => setSending((all) => all.filter((one) => one.key !== key));

  const send = async (one: Sending) => {
    set(one.key, { error: null, ratio: 0 });
    try {
      await sendFile(object, id, field, one.file, {
        signal: one.stop.signal,
        progress: (ratio) => set(one.key, { ratio }),
      });
      await client.invalidateQueries({ queryKey: query.queryKey });
      drop(one.key);
      client.invalidateQueries({ queryKey: ['history', object] });
    } catch (error) {
      if (error instanceof DOMException) drop(one.key);
      else set(one.key, { error: uploadText(error, t('files.tooLarge'), t('files.badType')) });
    }
  };
  const take = async (chosen: File[]) => {
    const added = chosen.map((file) => ({
      key: randomId(),
      file,
      ratio: 0,
      error: null,
      stop: new AbortController(),
    }));
    setSending((all) => [...all, ...added]);
    for (const one of added) await send(one);
  };
  return (
    <div className="files">
      {files.isPending ? <Skeleton rows={2} /> : null}
      {files.error ? <FailureState failure={failureOf(files.error)} onRetry={() => files.refetch()} small /> : null}
      {files.data && shown.length === 0 && sending.length === 0 && field === undefined ? (
        <PageState icon="clip" title={t('files.empty')} small />
      ) : null}
      {shown.length + sending.length > 0 ? (
        <ul className="file-list" aria-label={label}>
          {shown.map((file) => (
            <FileRow
              key={file.id}
              file={file}
              place={{ object, id }}
              editable={editable}
              belongs={field === undefined && file.field ? fieldTitle?.(file.field) : undefined}
            />
          ))}
          {sending.map((one) => (
            <li key={one.key} className="file">
              <span className="file-icon">
                <Icon name={one.error ? 'warning' : 'clip'} />
              </span>
              <span className="file-what">
                <span className="file-name">{one.file.name}</span>
                {one.error ? (
                  <span className="field-error" role="alert">
                    {one.error}
                  </span>
                ) : (
                  <Progress
                    ratio={one.ratio}
                    label={t('files.sending', { name: one.file.name })}
                    text={`${Math.round(one.ratio * 100)}%`}
                  />
                )}
              </span>
              {one.error ? (
                <Button onClick={() => send(one)}>{t('files.again')}</Button>
              ) : (
                <Button onClick={() => one.stop.abort()}>{t('files.stop')}</Button>
              )}
              {one.error ? (
                <Button
                  look="text"
                  icon="close"
                  aria-label={t('files.dismiss', { name: one.file.name })}
                  onClick={() => drop(one.key)}
                />
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
      {editable ? (
        <DropZone
          id={inputId}
          label={t('files.choose')}
          several={!single}
          accept={images ? 'image/*' : undefined}
          onFiles={(chosen) => void take(chosen)}
        >
          {t('files.drop')}
        </DropZone>
      ) : null}
    </div>
  );
}

/** Sends a file for a record that is still to be made; its field names it then. */
export function sendAhead(object: string, field: string, file: File): Promise<Attachment> {
  return upload<Attachment>('/attachments', { object, name: file.name, field }, file);
}

function sendFile(
  object: string,
  id: string,
  field: string | undefined,
  file: File,
  on: { progress?: (ratio: number) => void; signal?: AbortSignal } = {},
): Promise<Attachment> {
  return upload<Attachment>(`${api.record(object, id)}/attachments`, { name: file.name, field }, file, on);
}

/** A proxy before the server may refuse without a word of its own. */
function uploadText(error: unknown, tooLarge: string, badType: string): string {
  const { code, status } = asProblem(error);
  if (!code.startsWith('http_')) return problemText(error);
  return status === 413 ? tooLarge : status === 415 ? badType : problemText(error);
}

type RowProps = {
  file: Attachment;
  place: { object: string; id: string };
  editable: boolean;
  belongs?: string;
};

function FileRow({ file, place, editable, belongs }: RowProps) {
  const { t } = useTranslation('fields');
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.remove(`/attachments/${encodeURIComponent(file.id)}`),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['attachments', place.object, place.id] });
      client.invalidateQueries({ queryKey: ['history', place.object] });
      toast(t('files.deleted', { name: file.name }));
    },
    onError: (error) => toast(problemText(error), { tone: 'danger' }),
    onSettled: () => setAsking(false),
  });
  const picture = /^image\/(png|jpeg|gif|webp|avif)$/.test(file.type) && file.size <= PREVIEW_BYTES;
  return (
    <li className="file">
      <span className="file-icon">
        {picture ? <img src={href(file)} alt="" loading="lazy" /> : <Icon name={iconOf(file.type)} />}
      </span>
      <span className="file-what">
        <a className="link file-name" href={href(file)} download={file.name}>
          {file.name}
        </a>
        <span className="file-about">
          <span className="num">{formatBytes(file.size)}</span>
          {belongs ? <span>{belongs}</span> : null}
          {file.uploaded_by ? <span>{file.uploaded_by.title}</span> : null}
          <time dateTime={file.uploaded_at} title={formatDateTime(file.uploaded_at)}>
            {formatRelative(file.uploaded_at)}
          </time>
        </span>
      </span>
      {editable ? (
        <Button
          look="text"
          icon="trash"
          aria-label={t('files.delete', { name: file.name })}
          onClick={() => setAsking(true)}
        />
      ) : null}
      {asking ? (
        <Confirm
          title={t('files.deleteTitle')}
          confirm={t('files.deleteNow')}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{t('files.deleteSure', { name: file.name })}</p>
        </Confirm>
      ) : null}
    </li>
  );
}

function iconOf(type: string): IconName {
  if (type.startsWith('image/')) return 'picture';
  if (/spreadsheet|excel|csv/.test(type)) return 'table';
  if (/pdf|word|text|document/.test(type)) return 'statements';
  return 'clip';
}
