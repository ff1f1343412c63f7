import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { asProblem } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { byField, problemText } from '../../api/problems';
import { fieldOf } from '../../fields/object';
import { Button } from '../../ui/button';
import { toast } from '../../ui/toasts';
import { restore } from './removal';

export type RestoreRefusal = { record: RecordData; error: unknown };
type Props = {
  object: string;
  record: RecordData;
  onDone: () => void;
  onRefused: (refusal: RestoreRefusal) => void;
};

/** Brings one record back from the recycle bin. */
export function RestoreButton({ object, record, onDone, onRefused }: Props) {
  const { t } = useTranslation('records');
  const client = useQueryClient();
  const navigate = useNavigate();
  const title = record._title ?? record.id;
  const back = useMutation({
    mutationFn: () => restore(client, object, record.id),
    onSuccess: () => {
      onDone();
      toast(t('bin.restored', { title }), {
        action: {
          label: t('bin.openRecord'),
          run: () => navigate({ to: '/records/$object/$id', params: { object, id: record.id } }),
        },
      });
    },
    onError: (error) => onRefused({ record, error }),
  });
  return (
    <Button busy={back.isPending} aria-label={t('bin.restoreOf', { title })} onClick={() => back.mutate()}>
      {t('bin.restore')}
    </Button>
  );
}

/** Why it cannot come back, and what would let it. */
export function RestoreRefused({
  refusal,
  view,
  onClose,
}: {
  refusal: RestoreRefusal;
  view: ObjectView;
  onClose: () => void;
}) {
  const { t } = useTranslation('records');
  const { record, error } = refusal;
  const fields = Object.entries(byField(error));
  return (
    <section className="notice notice-danger" role="alert">
      <h2>{t('bin.refused', { title: record._title ?? record.id })}</h2>
      <p>{problemText(error)}</p>
      {fields.length > 0 ? (
        <ul className="sentences">
          {fields.map(([name, text]) => (
            <li key={name}>{`${fieldOf(view, name)?.title ?? name}: ${text}`}</li>
          ))}
        </ul>
      ) : null}
      {asProblem(error).code === 'not_unique' ? <p>{t('bin.taken')}</p> : null}
      <Button onClick={onClose}>{t('bin.understood')}</Button>
    </section>
  );
}
