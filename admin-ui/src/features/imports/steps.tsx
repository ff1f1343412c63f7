import './imports.css';
import { useTranslation } from 'react-i18next';

const STEPS = ['upload', 'map', 'check', 'write', 'result'] as const;
export type StepName = (typeof STEPS)[number];

/** Where in the import somebody is. */
export function Steps({ at }: { at: StepName }) {
  const { t } = useTranslation('imports');
  const here = STEPS.indexOf(at);
  return (
    <ol className="steps" aria-label={t('steps.label')}>
      {STEPS.map((step, n) => (
        <li key={step} aria-current={n === here ? 'step' : undefined} data-done={n < here || undefined}>
          <span className="steps-n" aria-hidden="true">
            {n + 1}
          </span>
          {t(`steps.${step}`)}
        </li>
      ))}
    </ol>
  );
}
