import type { QueryClient } from '@tanstack/react-query';
import i18next from 'i18next';
import { api } from '../../api/client';
import { problemText } from '../../api/problems';
import { toast } from '../../ui/toasts';
import { refreshAround } from './mutations';

const WAIT_MS = 8000;
type Removal = { object: string; id: string; version: number; title: string };

/** The contract has no way back from a delete, so it is sent only when the time to undo is over. */
export function removeWithUndo(client: QueryClient, removal: Removal, restore: () => void): void {
  const { object, id, version, title } = removal;
  let done = false;
  const send = (keepalive: boolean) => {
    if (done) return;
    done = true;
    removeEventListener('pagehide', leave);
    api
      .remove(api.record(object, id), version, keepalive)
      .then(() => client.removeQueries({ queryKey: ['record', object, id] }))
      .catch((error: unknown) =>
        toast(i18next.t('records:deleteFailed', { title, why: problemText(error) }), { tone: 'danger' }),
      )
      .finally(() => refreshAround(client, object));
  };
  const leave = () => send(true);
  const timer = setTimeout(() => send(false), WAIT_MS);
  addEventListener('pagehide', leave);
  toast(i18next.t('records:deleted', { title }), {
    lasts_ms: WAIT_MS,
    action: {
      label: i18next.t('ui:undo'),
      run: () => {
        if (done) return;
        done = true;
        clearTimeout(timer);
        removeEventListener('pagehide', leave);
        restore();
      },
    },
  });
}
