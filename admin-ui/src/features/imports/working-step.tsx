import { useTranslation } from 'react-i18next';
import type { Import } from '../../api/contract/imports';
import { formatCount } from '../../lib/format';
import { Button } from '../../ui/button';
import { Card } from '../../ui/layout';
import { Progress } from '../../ui/progress';
import { Counts } from './counts';

/** Work under way: how far, and the way to stop it. */
export function WorkingStep({ job, busy, onCancel }: { job: Import; busy: boolean; onCancel: () => void }) {
  const { t } = useTranslation('imports');
  const total = job.rows ?? 0;
  const done = Math.min(job.done ?? 0, total || Number.POSITIVE_INFINITY);
  const ratio = total > 0 ? done / total : null;
  return (
    <Card title={t(`working.${job.status}`)} id="import-working">
      <Progress
        ratio={ratio}
        label={t(`working.${job.status}`)}
        text={
          ratio === null
            ? undefined
            : t('working.text', {
                done: formatCount(done),
                total: formatCount(total),
                share: `${Math.floor(ratio * 100)}%`,
              })
        }
      />
      {job.status === 'planning' ? null : <Counts job={job} />}
      <p className="muted">{t('working.leave')}</p>
      {job.status === 'applying' || job.status === 'planning' ? (
        <div className="buttons">
          <Button busy={busy} onClick={onCancel}>
            {t('working.cancel')}
          </Button>
        </div>
      ) : null}
    </Card>
  );
}
