import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { RecordData } from '../../api/contract/records';
import type { Action } from '../../api/contract/shared';
import { recordQuery } from '../../api/queries';
import { randomId } from '../../lib/identity';

/** After a write: the record as answered, everything that may show it asked again. */
export function settleRecord(client: QueryClient, object: string, record: RecordData, key = record.id): void {
  client.setQueryData(recordQuery(object, record.id).queryKey, record);
  if (key !== record.id) client.setQueryData(recordQuery(object, key).queryKey, record);
  client.removeQueries({ queryKey: ['title', object, record.id] });
  refreshAround(client, object);
  client.invalidateQueries({ queryKey: ['history', object] });
}

export function refreshAround(client: QueryClient, object: string): void {
  for (const queryKey of [['records', object], ['tasks'], ['dashboard'], ['explain'], ['statements'], ['periods']]) {
    client.invalidateQueries({ queryKey });
  }
}

export function useTransition(object: string, id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ action, version, input }: { action: Action; version: number; input: Record<string, unknown> }) =>
      api.post<RecordData>(
        `${api.record(object, id)}/transitions/${encodeURIComponent(action.name)}`,
        { version, input },
        { 'Idempotency-Key': randomId() },
      ),
    onSuccess: (record) => {
      settleRecord(client, object, record, id);
      client.invalidateQueries({ queryKey: ['record', object] }); // actions, settlement and traces may be richer on a read
    },
  });
}
