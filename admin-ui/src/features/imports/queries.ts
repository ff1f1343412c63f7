import { infiniteQueryOptions, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '../../api/client';
import type { Import, ImportRow, ImportStatus, Outcome } from '../../api/contract/imports';
import type { Page } from '../../api/contract/shared';

const POLL_MS = 2000;
const WORKING: ImportStatus[] = ['planning', 'applying', 'reverting'];

export const isWorking = (job: Import | undefined) => job !== undefined && WORKING.includes(job.status);
/** What can be done with an import. */
export type Verb = 'apply' | 'cancel' | 'resume' | 'revert';

export const importPath = (id: string) => `/imports/${encodeURIComponent(id)}`;

export const importQuery = (id: string) =>
  queryOptions({
    queryKey: ['import', id],
    queryFn: ({ signal }) => api.get<Import>(importPath(id), undefined, signal),
  });

export const importsQuery = (object: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['imports', object ?? ''],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Import>>('/imports', { object, limit: 50, cursor: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const rowsQuery = (id: string, outcome: Outcome | undefined) =>
  infiniteQueryOptions({
    queryKey: ['import-rows', id, outcome ?? ''],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<ImportRow>>(`${importPath(id)}/rows`, { outcome, limit: 100, cursor: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

/** An import and, while it works, every step of it: from the server's events, or by asking where they do not come. */
export function useImport(id: string) {
  const client = useQueryClient();
  const query = useQuery({
    ...importQuery(id),
    refetchInterval: (one) => (isWorking(one.state.data) ? POLL_MS : false),
  });
  const working = isWorking(query.data);
  useEffect(() => {
    if (!working || typeof EventSource === 'undefined') return;
    const stream = new EventSource(`/api/v1${importPath(id)}/events`);
    const { queryKey } = importQuery(id);
    stream.addEventListener('progress', (event) => {
      client.setQueryData(queryKey, JSON.parse((event as MessageEvent<string>).data) as Import);
    });
    return () => stream.close();
  }, [client, id, working]);
  const status = query.data?.status;
  const object = query.data?.object;
  useEffect(() => {
    // What was shown of the rows, of other imports and of the records is old as soon as a piece of work has ended.
    if (!status || WORKING.includes(status)) return;
    client.invalidateQueries({ queryKey: ['import-rows', id] });
    client.invalidateQueries({ queryKey: ['imports'] });
    client.invalidateQueries({ queryKey: ['records', object] });
  }, [client, id, status, object]);
  return query;
}
