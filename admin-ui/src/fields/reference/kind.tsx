import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { problemText } from '../../api/problems';
import { searchQuery } from '../../api/queries';
import { BLANK } from '../../lib/format';
import { Combobox } from '../../ui/combobox';
import { referenceFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { RefLink, RefTitle, refsOf, titleQuery, useTitle } from '../titles';

/** Records are searched on the server while typing; the id is the value, the title is what people see. */
export function ReferenceEdit({ field, value, onChange, wiring, refs, label }: EditProps) {
  const [search, setSearch] = useState<string | null>(null);
  const client = useQueryClient();
  const object = field.to?.[0] ?? field.type;
  const asked = useDeferredValue(search);
  const found = useQuery({ ...searchQuery(object, asked ?? ''), enabled: asked !== null });
  const id = typeof value === 'string' && value ? value : null;
  const title = useTitle(object, id, refsOf(refs, field.name));
  return (
    <Combobox
      wiring={wiring}
      label={label}
      chosen={id ? { id, title } : null}
      loading={found.isFetching || asked !== search}
      failed={found.error ? problemText(found.error) : null}
      choices={(found.data?.data ?? []).map((record) => ({ id: record.id, title: record._title ?? record.id }))}
      onSearch={setSearch}
      onChoose={(choice) => {
        if (choice) client.setQueryData(titleQuery(object, choice.id).queryKey, choice.title);
        onChange(choice?.id ?? null);
      }}
    />
  );
}
export function ReferenceRead({ field, value, refs }: ReadProps) {
  if (typeof value !== 'string' || !value) return BLANK;
  return <RefLink object={field.to?.[0] ?? field.type} id={value} known={refsOf(refs, field.name)} />;
}
/** No link in a row: the row itself opens by its first cell. */
export function ReferenceCell({ field, value, refs }: ReadProps) {
  if (typeof value !== 'string' || !value) return BLANK;
  return <RefTitle object={field.to?.[0] ?? field.type} id={value} known={refsOf(refs, field.name)} />;
}
export const reference: FieldKind = {
  Edit: ReferenceEdit,
  Read: ReferenceRead,
  Cell: ReferenceCell,
  filter: referenceFilter,
};
