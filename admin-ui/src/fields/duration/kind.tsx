import { useTranslation } from 'react-i18next';
import { BLANK } from '../../lib/format';
import { DecimalInput } from '../../ui/inputs';
import type { EditProps, FieldKind, ReadProps } from '../kind';

/** Minutes of an ISO 8601 duration (`PT1H30M`) or of a number of seconds. */
export function readMinutes(value: unknown): number | null {
  if (typeof value === 'number') return Math.round(value / 60);
  if (typeof value !== 'string') return null;
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$/.exec(value);
  if (!match) return /^\d+$/.test(value) ? Math.round(Number(value) / 60) : null;
  const [, days = '0', hours = '0', minutes = '0'] = match;
  return Number(days) * 1440 + Number(hours) * 60 + Number(minutes);
}
function Edit({ value, onChange, wiring, label }: EditProps) {
  const { t } = useTranslation('fields');
  const minutes = readMinutes(value);
  return (
    <span className="with-unit">
      <DecimalInput
        wiring={wiring}
        whole
        label={label}
        value={minutes === null ? null : String(minutes)}
        onChange={(typed) =>
          onChange(
            typed !== null && /^\d+$/.test(typed)
              ? `PT${Math.floor(Number(typed) / 60)}H${Number(typed) % 60}M`
              : typed,
          )
        }
      />
      <span className="unit">{t('minutes')}</span>
    </span>
  );
}
function Read({ value }: ReadProps) {
  const { t } = useTranslation('fields');
  const minutes = readMinutes(value);
  if (minutes === null) return BLANK;
  return t('duration', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
export const duration: FieldKind = { Edit, Read, sortable: true };
