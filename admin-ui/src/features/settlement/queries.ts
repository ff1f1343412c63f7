import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { Analysis, Line, Positions, Run, Schedule, Statement, Titled } from '../../api/contract/settlement';
import type { Page } from '../../api/contract/shared';
import type { StatementSearch } from './search';

const paged = { initialPageParam: '', getNextPageParam: (page: Page<unknown>) => page.next_cursor ?? undefined };

export const statementsQuery = (search: StatementSearch) =>
  infiniteQueryOptions({
    queryKey: ['statements', 'list', search],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Statement>>('/statements', { ...search, limit: 50, cursor: pageParam }, signal),
    ...paged,
    placeholderData: (previous) => previous,
  });

export const statementQuery = (id: string) =>
  queryOptions({
    queryKey: ['statements', 'one', id],
    queryFn: ({ signal }) => api.get<Statement>(`/statements/${encodeURIComponent(id)}`, undefined, signal),
  });

export const positionsQuery = (period: string, party?: string) =>
  queryOptions({
    queryKey: ['statements', 'positions', period, party],
    queryFn: ({ signal }) => api.get<Positions>('/statements/positions', { period, party }, signal),
    placeholderData: (previous) => previous,
  });

/** All lines of a statement, for those with more than the first 200. */
export const linesQuery = (statement: string) =>
  infiniteQueryOptions({
    queryKey: ['statements', 'lines', statement],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Line>>('/settlement/lines', { statement, limit: 200, cursor: pageParam }, signal),
    ...paged,
  });

/** How often a run under way is asked how far it is. */
const LOOK_EVERY_MS = 1_000;

export const runsQuery = infiniteQueryOptions({
  queryKey: ['runs', 'list'],
  queryFn: ({ pageParam, signal }) => api.get<Page<Run>>('/settlement/runs', { limit: 20, cursor: pageParam }, signal),
  ...paged,
  refetchInterval: (query) =>
    query.state.data?.pages.some((page) => page.data.some(isRunning)) ? LOOK_EVERY_MS : false,
});

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => api.get<Run>(`/settlement/runs/${encodeURIComponent(id)}`, undefined, signal),
    refetchInterval: (query) => (query.state.data && isRunning(query.state.data) ? LOOK_EVERY_MS : false),
  });

function isRunning(run: Run): boolean {
  return run.status === 'running';
}

export const dimensionsQuery = queryOptions({
  queryKey: ['settlement', 'dimensions'],
  queryFn: ({ signal }) => api.get<{ data: Titled[] }>('/settlement/dimensions', undefined, signal),
  staleTime: 5 * 60_000,
});

export const analysisQuery = (view: 'attribution' | 'balances', by: string, period?: string) =>
  queryOptions({
    queryKey: ['analysis', view, by, period],
    queryFn: ({ signal }) => api.get<Analysis>(`/settlement/${view}`, { by, period }, signal),
    placeholderData: (previous) => previous,
  });

export const schedulesQuery = queryOptions({
  queryKey: ['schedules', 'list'],
  queryFn: ({ signal }) => api.get<{ data: Schedule[] }>('/settlement/schedules', undefined, signal),
});

export const scheduleQuery = (name: string) =>
  queryOptions({
    queryKey: ['schedules', 'one', name],
    queryFn: ({ signal }) => api.get<Schedule>(`/settlement/schedules/${encodeURIComponent(name)}`, undefined, signal),
  });
