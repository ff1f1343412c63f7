import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../api/client';
import type { RecordData, Refs, RefValue } from '../api/contract/records';
import { BLANK } from '../lib/format';

/** The title of one record, for places that know only its id (filters in a URL, history). */
export const titleQuery = (object: string, id: string) =>
  queryOptions({
    queryKey: ['title', object, id],
    queryFn: async ({ signal }) => {
      const record = await api.get<RecordData>(api.record(object, id), { fields: 'id' }, signal);
      return record._title ?? record.id;
    },
    staleTime: 5 * 60_000,
    retry: false,
  });

export function refsOf(refs: Refs | undefined, field: string): RefValue[] {
  const found = refs?.[field];
  return found ? (Array.isArray(found) ? found : [found]) : [];
}

export function useTitle(object: string | undefined, id: string | null, known: RefValue[] = []): string {
  const match = known.find((ref) => ref.id === id);
  const asked = useQuery({ ...titleQuery(object ?? '', id ?? ''), enabled: Boolean(object && id && !match) });
  if (!id) return '';
  return match?.title ?? asked.data ?? (asked.isLoading ? '…' : id);
}

export function RefTitle({ object, id, known }: { object?: string; id: string; known?: RefValue[] }) {
  return useTitle(object, id, known);
}

export function RefLink({
  object,
  id,
  title,
  known,
}: {
  object?: string;
  id: string;
  title?: string;
  known?: RefValue[];
}) {
  const match = known?.find((ref) => ref.id === id);
  const target = match?.object ?? object;
  const shown = title ?? match?.title;
  if (!id) return BLANK;
  const text = shown ?? <RefTitle object={target} id={id} known={known} />;
  if (!target) return text;
  return (
    <Link to="/records/$object/$id" params={{ object: target, id }} className="link">
      {text}
    </Link>
  );
}
