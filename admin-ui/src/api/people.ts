import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client';
import type { Attachment, Comment, MentionPage } from './contract/records';
import type { Page } from './contract/shared';

/** Queries about what people leave on records. */

export const commentsQuery = (object: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['comments', object, id],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Comment>>(`${api.record(object, id)}/comments`, { limit: 50, cursor: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const attachmentsQuery = (object: string, id: string) =>
  queryOptions({
    queryKey: ['attachments', object, id],
    queryFn: ({ signal }) =>
      api.get<{ data: Attachment[] }>(`${api.record(object, id)}/attachments`, undefined, signal),
  });

const MENTIONS_EVERY_MS = 60_000;

export const mentionsQuery = queryOptions({
  queryKey: ['mentions'],
  queryFn: ({ signal }) => api.get<MentionPage>('/mentions', { limit: 20 }, signal),
  refetchInterval: MENTIONS_EVERY_MS,
  retry: false,
});
