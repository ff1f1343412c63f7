import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import i18next from 'i18next';
import { api } from '../../api/client';
import type { RecordData } from '../../api/contract/records';
import { problemText } from '../../api/problems';
import { toast } from '../../ui/toasts';
import { refreshAround, settleRecord } from './mutations';

type Removal = { object: string; id: string; version: number; title: string };

/** Moves a record to the recycle bin and offers the way back. */
export function useRemove(onGone: () => void, onBack: (record: RecordData) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ object, id, version }: Removal) => api.remove(api.record(object, id), version),
    onSuccess: (_, removal) => {
      const { object, id, title } = removal;
      onGone();
      client.removeQueries({ queryKey: ['record', object, id] });
      refreshAround(client, object);
      toast(i18next.t('records:deleted', { title }), {
        action: {
          label: i18next.t('ui:undo'),
          run: () => {
            restore(client, object, id)
              .then((record) => {
                toast(i18next.t('records:bin.restored', { title }));
                onBack(record);
              })
              .catch((error: unknown) =>
                toast(i18next.t('records:bin.restoreFailed', { title, why: problemText(error) }), { tone: 'danger' }),
              );
          },
        },
      });
    },
    onError: (error, { object, id, title }) => {
      client.invalidateQueries({ queryKey: ['record', object, id] });
      toast(i18next.t('records:deleteFailed', { title, why: problemText(error) }), { tone: 'danger' });
    },
  });
}

export async function restore(client: QueryClient, object: string, id: string): Promise<RecordData> {
  const record = await api.post<RecordData>(`${api.record(object, id)}/restore`, {});
  settleRecord(client, object, record);
  return record;
}
