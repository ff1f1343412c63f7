import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { periodsQuery } from '../../api/queries';
import { Labelled } from '../../ui/labelled';

/** One period of the calendar months, or all of them. */
export function PeriodChoice({ chosen, onChange }: { chosen?: string; onChange: (period?: string) => void }) {
  const { t } = useTranslation('settlement');
  const periods = useQuery(periodsQuery('month'));
  return (
    <Labelled label={t('period')}>
      {({ id }) => (
        <select
          id={id}
          className="input select"
          value={chosen ?? ''}
          onChange={(event) => onChange(event.target.value || undefined)}
        >
          <option value="">{t('allPeriods')}</option>
          {(periods.data?.data ?? []).map((period) => (
            <option key={period.name} value={period.name}>
              {period.name}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}
