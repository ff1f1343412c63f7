import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { download, Problem } from '../../api/client';
import type { Import } from '../../api/contract/imports';
import type { ObjectView } from '../../api/contract/objects';
import { problemText } from '../../api/problems';
import { formatCount } from '../../lib/format';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { Card } from '../../ui/layout';
import { toast } from '../../ui/toasts';
import { Counts } from './counts';
import { RowsTable } from './plan-step';
import { importPath, type Verb } from './queries';

type Props = { job: Import; view: ObjectView; busy: boolean; onAct: (verb: Verb) => void };

/** What became of it: counts, the rows left out as a file, and the way back. */
export function ResultStep({ job, view, busy, onAct }: Props) {
  const { t } = useTranslation('imports');
  const [asking, setAsking] = useState(false);
  const counts = job.counts ?? {};
  const errors = useMutation({
    mutationFn: () =>
      download('GET', `${importPath(job.id)}/errors.csv`, { name: `${job.name.replace(/\.\w+$/, '')}-errors.csv` }),
    onError: (error) => toast(problemText(error), { tone: 'danger' }),
  });
  const halfway = job.status === 'cancelled' || job.status === 'failed';
  const mayRevert = job.status !== 'reverted' && (counts.applied ?? 0) > 0;
  return (
    <>
      <Card title={t(`result.${job.status}`)} id="import-result">
        {job.problem ? (
          <p className="notice notice-danger" role="alert">
            {problemText(new Problem(job.problem))}
          </p>
        ) : null}
        <p role="status">
          {t(job.status === 'reverted' ? 'result.saysReverted' : 'result.says', {
            applied: formatCount(counts.applied ?? 0),
            total: formatCount(job.rows ?? 0),
            kept: formatCount(counts.kept ?? 0),
          })}
        </p>
        <Counts job={job} />
        <div className="buttons">
          {halfway ? (
            <Button look="primary" busy={busy} onClick={() => onAct('resume')}>
              {t('result.resume')}
            </Button>
          ) : null}
          <Link
            className={halfway ? 'btn btn-default' : 'btn btn-primary'}
            to="/records/$object"
            params={{ object: job.object }}
          >
            {t('result.open', { objects: view.plural ?? view.title })}
          </Link>
          {counts.error ? (
            <Button icon="download" busy={errors.isPending} onClick={() => errors.mutate()}>
              {t('result.errors', { count: counts.error, shown: formatCount(counts.error) })}
            </Button>
          ) : null}
          <Link className="btn btn-default" to="/imports/new" search={{ object: job.object }}>
            {t('result.another')}
          </Link>
          {mayRevert ? (
            <Button look="danger" busy={busy} onClick={() => setAsking(true)}>
              {t('result.revert')}
            </Button>
          ) : null}
        </div>
      </Card>
      <RowsTable job={job} view={view} title={t('result.rows')} />
      {asking ? (
        <Confirm
          title={t('result.revertTitle', { name: job.name })}
          confirm={t('result.revert')}
          danger
          onConfirm={() => {
            setAsking(false);
            onAct('revert');
          }}
          onClose={() => setAsking(false)}
        >
          <p>{t('result.revertSure')}</p>
        </Confirm>
      ) : null}
    </>
  );
}
