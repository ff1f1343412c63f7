import { queryOptions } from '@tanstack/react-query';
import { api } from './client';
import type { ObjectView } from './contract/objects';
import type { RecordData } from './contract/records';
import type { Me } from './contract/session';
import type { Period, Plan } from './contract/settlement';
import type { Explanation, Page } from './contract/shared';

/** Queries that more than one feature asks. The rest stands with its feature. */

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => api.get<Me>('/me', undefined, signal),
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

export const objectQuery = (object: string) =>
  queryOptions({
    queryKey: ['object', object],
    queryFn: ({ signal }) => api.get<ObjectView>(`/objects/${encodeURIComponent(object)}`, undefined, signal),
    staleTime: 5 * 60_000,
  });

export const recordQuery = (object: string, id: string) =>
  queryOptions({
    queryKey: ['record', object, id],
    queryFn: ({ signal }) => api.get<RecordData>(api.record(object, id), undefined, signal),
  });

export const searchQuery = (object: string, search: string) =>
  queryOptions({
    queryKey: ['records', object, 'search', search],
    queryFn: ({ signal }) => api.get<Page<RecordData>>(api.record(object), { search, limit: 20 }, signal),
    staleTime: 30_000,
  });

export const explainQuery = (path: string) =>
  queryOptions({
    queryKey: ['explain', path],
    queryFn: ({ signal }) => api.get<Explanation>(path, undefined, signal),
  });

export const plansQuery = queryOptions({
  queryKey: ['plans'],
  queryFn: ({ signal }) => api.get<{ data: Plan[] }>('/settlement/plans', undefined, signal),
  staleTime: 5 * 60_000,
});

export const periodsQuery = (calendar: string) =>
  queryOptions({
    queryKey: ['periods', calendar],
    queryFn: ({ signal }) => api.get<{ data: Period[] }>('/settlement/periods', { calendar }, signal),
  });
