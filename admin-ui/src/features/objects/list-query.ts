import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import type { Page } from '../../api/contract/shared';
import { allFields } from '../../fields/object';
import { type Condition, isAsking, toFilter } from '../../lib/filter';
import { reader } from '../../lib/format';
import type { ListSearch } from './list-search';

export const PAGE_SIZE = 100;

/** What a list asks for, in the words of the contract; an export of it asks for the same. */
export function askedOf(view: ObjectView, search: ListSearch) {
  const types: Record<string, string> = {};
  for (const field of allFields(view)) types[field.name] = field.type;
  const asked = Object.fromEntries(
    Object.entries(search.f ?? {}).filter(([name, chip]) => types[name] && isAsking(chip)),
  );
  const chosen = toFilter(asked, types, reader.zone);
  const filter: Condition | undefined =
    search.filter && chosen ? { and: [search.filter, chosen] } : (search.filter ?? chosen);
  return { filter, sort: search.sort ?? (view.list?.sort?.join(',') || undefined), search: search.q };
}

export function listQuery(view: ObjectView, search: ListSearch, columns: FieldView[]) {
  const { filter, ...asked } = askedOf(view, search);
  const names = columns.map((field) => field.name);
  const query = {
    ...asked,
    filter: filter ? JSON.stringify(filter) : undefined,
    // All own fields come unasked; only what lies behind a reference must be named, and then everything else too.
    fields: names.some((name) => name.includes('.'))
      ? [...new Set(['id', 'version', ...(view.display ? [view.display] : []), ...names])].join(',')
      : undefined,
    deleted: search.bin ? 'true' : undefined,
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
