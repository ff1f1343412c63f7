import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import type { Page } from '../../api/contract/shared';
import { allFields } from '../../fields/object';
import { isAsking, toFilter } from '../../lib/filter';
import { reader } from '../../lib/format';
import type { ListSearch } from './list-search';

export const PAGE_SIZE = 50;

export function listQuery(view: ObjectView, search: ListSearch) {
  const types: Record<string, string> = {};
  for (const field of allFields(view)) types[field.name] = field.type;
  const asked = Object.fromEntries(
    Object.entries(search.f ?? {}).filter(([name, chip]) => types[name] && isAsking(chip)),
  );
  const chosen = toFilter(asked, types, reader.zone);
  const filter = search.filter && chosen ? { and: [search.filter, chosen] } : (search.filter ?? chosen);
  const query = {
    filter: filter ? JSON.stringify(filter) : undefined,
    sort: search.sort ?? (view.list?.sort?.join(',') || undefined),
    search: search.q,
    limit: PAGE_SIZE,
  };
  return infiniteQueryOptions({
    queryKey: ['records', view.name, 'list', query],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<RecordData>>(
        api.record(view.name),
        { ...query, cursor: pageParam, count: pageParam === '' ? 'capped' : 'none' },
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (previous) => previous,
  });
}
