import { useTranslation } from 'react-i18next';
import { BLANK } from '../../lib/format';
import { DecimalInput } from '../../ui/inputs';
import type { EditProps, FieldKind, ReadProps } from '../kind';

type Point = { lat?: unknown; lng?: unknown };
const text = (value: unknown) => (value === null || value === undefined ? null : String(value));

/** WGS-84, typed as two numbers; no map data is shipped. */
function Edit({ field, value, onChange, wiring, label }: EditProps) {
  const { t } = useTranslation('fields');
  const point = (value ?? {}) as Point;
  const name = label ?? field.title;
  const change = (next: Point) => onChange(next.lat == null && next.lng == null ? null : next);
  return (
    <span className="day-time">
      <DecimalInput
        wiring={wiring}
        label={`${name} ${t('latitude')}`}
        value={text(point.lat)}
        onChange={(lat) => change({ ...point, lat })}
      />
      <DecimalInput
        wiring={{ id: `${wiring.id}-lng` }}
        label={`${name} ${t('longitude')}`}
        value={text(point.lng)}
        onChange={(lng) => change({ ...point, lng })}
      />
    </span>
  );
}
function Read({ value }: ReadProps) {
  const point = (value ?? {}) as Point;
  return point.lat == null || point.lng == null ? BLANK : <span className="num">{`${point.lat}, ${point.lng}`}</span>;
}
export const location: FieldKind = { Edit, Read };
