import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatDateTime, reader } from '../../lib/format';
import { isDay, utcToZoned, zonedToUtc } from '../../lib/zone';
import { Button } from '../../ui/button';
import { DateInput, TimeInput } from '../../ui/inputs';
import { dateFilter } from '../filters';
import type { EditProps, FieldKind } from '../kind';

/** A day and a time in the tenant's zone; on the wire one moment in UTC. */
function Edit({ field, value, onChange, wiring, label }: EditProps) {
  const { t } = useTranslation('fields');
  const moment = typeof value === 'string' ? value : null;
  const zoned = moment ? utcToZoned(moment, reader.zone) : null;
  const now = utcToZoned(new Date().toISOString(), reader.zone);
  const [time, setTime] = useState<string | null>(null);
  const day = zoned?.date ?? null;
  return (
    <span className="day-time">
      <DateInput
        wiring={wiring}
        label={label}
        today={now?.date}
        value={day}
        onChange={(next) =>
          onChange(
            next === null ? null : isDay(next) ? zonedToUtc(next, zoned?.time ?? time ?? '09:00', reader.zone) : next,
          )
        }
      />
      <TimeInput
        wiring={{ id: `${wiring.id}-time`, invalid: wiring.invalid }}
        label={t('timeOf', { field: label ?? field.title })}
        value={zoned?.time ?? time}
        onChange={(next) => {
          setTime(next);
          if (day && next) onChange(zonedToUtc(day, next, reader.zone));
        }}
      />
      {moment === null ? (
        <Button
          look="text"
          aria-label={t('nowFor', { field: label ?? field.title })}
          onClick={() => onChange(`${new Date().toISOString().slice(0, 16)}:00Z`)}
        >
          {t('now')}
        </Button>
      ) : null}
    </span>
  );
}
export const dateTime: FieldKind = {
  Edit,
  Read: ({ value }) => <span className="num">{formatDateTime(value)}</span>,
  filter: dateFilter,
  sortable: true,
};
