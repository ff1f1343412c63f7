import { useTranslation } from 'react-i18next';
import type { Import } from '../../api/contract/imports';
import { formatCount } from '../../lib/format';
import { OUTCOMES } from './words';

const SHOWN = [...OUTCOMES, 'applied', 'kept'] as const;

/** What is to become of the rows, or what became of them. Zeros are said only where they matter. */
export function Counts({ job }: { job: Import }) {
  const { t } = useTranslation('imports');
  const counts = job.counts ?? {};
  const shown = SHOWN.filter((name) => (counts[name] ?? 0) > 0 || name === 'create' || name === 'error');
  return (
    <dl className="counts">
      {shown.map((name) => (
        <div key={name}>
          <dt>{t(name === 'applied' || name === 'kept' ? `counts.${name}` : `outcome.${name}`)}</dt>
          <dd className="num">{formatCount(counts[name] ?? 0)}</dd>
        </div>
      ))}
    </dl>
  );
}
