import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { attachmentsQuery } from '../../api/people';
import { BLANK, formatBytes, isBlank } from '../../lib/format';
import { Button } from '../../ui/button';
import { DropZone } from '../../ui/drop-zone';
import { Icon } from '../../ui/icon';
import { Attachments } from '../attachments';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { type RecordPlace, usePlace } from '../place';

function nameOf(value: unknown): string {
  if (value && typeof value === 'object' && 'name' in value) return String((value as { name: unknown }).name);
  return String(value);
}

/** The files of this field; away from their record only what the value itself says. */
function Read({ field, value }: ReadProps) {
  const { t } = useTranslation('fields');
  const place = usePlace();
  if (place?.id) return <OfRecord place={{ ...place, id: place.id }} field={field} />;
  if (isBlank(value)) return BLANK;
  return (Array.isArray(value) ? value : [value]).map(nameOf).join(t('listSeparator'));
}
function OfRecord({ place, field }: { place: RecordPlace & { id: string }; field: ReadProps['field'] }) {
  const files = useQuery(attachmentsQuery(place.object, place.id));
  if (files.data && !files.data.data.some((one) => one.field === field.name)) return BLANK;
  return <Attachments object={place.object} id={place.id} field={field.name} editable={false} label={field.title} />;
}

/** Files go to the server when they are chosen; before the record exists they wait for it. */
export function AttachmentEdit({ field, wiring }: EditProps) {
  const { t } = useTranslation('fields');
  const place = usePlace();
  const images = field.type === 'image';
  if (!place) return <span className="muted">{t('files.notHere')}</span>;
  if (place.id)
    return (
      <Attachments
        object={place.object}
        id={place.id}
        field={field.name}
        images={images}
        single={!field.multiple}
        editable
        label={field.title}
        inputId={wiring.id}
      />
    );
  const held = place.held[field.name] ?? [];
  return (
    <div className="files">
      {held.length > 0 ? (
        <ul className="file-list" aria-label={field.title}>
          {held.map((file) => (
            <li key={`${file.name}/${file.size}/${file.lastModified}`} className="file">
              <span className="file-icon">
                <Icon name="clip" />
              </span>
              <span className="file-what">
                <span className="file-name">{file.name}</span>
                <span className="file-about">
                  <span className="num">{formatBytes(file.size)}</span>
                  <span>{t('files.later')}</span>
                </span>
              </span>
              <Button
                look="text"
                icon="close"
                aria-label={t('files.dismiss', { name: file.name })}
                onClick={() =>
                  place.hold(
                    field.name,
                    held.filter((one) => one !== file),
                  )
                }
              />
            </li>
          ))}
        </ul>
      ) : null}
      <DropZone
        id={wiring.id}
        describedBy={wiring.describedBy}
        label={t('files.choose')}
        several={field.multiple}
        accept={images ? 'image/*' : undefined}
        onFiles={(files) => place.hold(field.name, field.multiple ? [...held, ...files] : files)}
      >
        {t('files.drop')}
      </DropZone>
    </div>
  );
}
export const attachment: FieldKind = { Edit: AttachmentEdit, Read, full: true, group: true, listless: true };
