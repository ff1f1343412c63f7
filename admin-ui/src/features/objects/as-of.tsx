import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { ObjectView } from '../../api/contract/objects';
import type { RecordData } from '../../api/contract/records';
import { failureOf } from '../../fields/explain';
import { sectionsOf } from '../../fields/object';
import { formatDateTime, reader } from '../../lib/format';
import { isDay, utcToZoned, zonedToUtc } from '../../lib/zone';
import { Button } from '../../ui/button';
import { DateInput, TimeInput } from '../../ui/inputs';
import { Labelled } from '../../ui/labelled';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { SectionCard, SystemCard } from './record-facts';

type Place = { object: string; id: string };

/** A day and a time, and then the record as it stood at that moment. */
export function AskMoment({ object, id, at, children }: Place & { at?: string; children?: ReactNode }) {
  const { t } = useTranslation('records');
  const navigate = useNavigate();
  const start = at ? utcToZoned(at, reader.zone) : null;
  const today = utcToZoned(new Date().toISOString(), reader.zone)?.date;
  const [day, setDay] = useState<string | null>(start?.date ?? null);
  const [time, setTime] = useState<string | null>(start?.time ?? null);
  const go = (event: FormEvent) => {
    event.preventDefault();
    if (!day || !isDay(day)) return;
    navigate({
      to: '/records/$object/$id',
      params: { object, id },
      search: { at: zonedToUtc(day, time ?? '23:59', reader.zone) },
    });
  };
  return (
    <form className="toolbar ask-moment" onSubmit={go}>
      <Labelled label={t('asOf.day')}>
        {(wiring) => <DateInput wiring={wiring} value={day} onChange={setDay} today={today} />}
      </Labelled>
      <Labelled label={t('asOf.time')}>
        {(wiring) => <TimeInput wiring={wiring} value={time} onChange={setTime} />}
      </Labelled>
      <Button type="submit" reason={day && isDay(day) ? undefined : t('asOf.dayFirst')}>
        {t('asOf.show')}
      </Button>
      {children}
    </form>
  );
}

/** The record folded from its history up to a moment: to be read, not to be changed. */
export function AsOf({ object, id, at, view, now }: Place & { at: string; view: ObjectView; now: RecordData }) {
  const { t } = useTranslation('records');
  const then = useQuery({
    queryKey: ['record', object, id, 'at', at],
    queryFn: ({ signal }) => api.get<RecordData>(api.record(object, id), { at }, signal),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const missing = then.error ? failureOf(then.error).status === 404 : false;
  return (
    <>
      <section className="notice notice-info as-of" aria-label={t('asOf.title')}>
        <p>
          <strong>{t('asOf.says', { moment: formatDateTime(at) })}</strong> {t('asOf.readOnly')}
        </p>
        <AskMoment key={at} object={object} id={id} at={at}>
          <Link className="btn btn-default" to="/records/$object/$id" params={{ object, id }} search={{}}>
            {t('asOf.back')}
          </Link>
        </AskMoment>
      </section>
      {then.isPending ? <Skeleton rows={8} /> : null}
      {missing ? <PageState icon="calendar" title={t('asOf.missing')} /> : null}
      {then.error && !missing ? <FailureState failure={failureOf(then.error)} onRetry={() => then.refetch()} /> : null}
      {then.data ? (
        <div className="columns">
          <div className="stack">
            {sectionsOf(view, then.data.template, 'keep').map((section) => (
              <SectionCard key={section.id} section={section} record={then.data} object={object} now={now} />
            ))}
          </div>
          <div className="stack">
            <SystemCard view={view} record={then.data} />
          </div>
        </div>
      ) : null}
    </>
  );
}
