import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Import, ImportPlan } from '../../api/contract/imports';
import type { ObjectView } from '../../api/contract/objects';
import { problemText } from '../../api/problems';
import { objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { formatDateTime } from '../../lib/format';
import { randomId } from '../../lib/identity';
import { PageHeader } from '../../ui/layout';
import { FailureState, Skeleton } from '../../ui/states';
import { MappingStep } from './mapping-step';
import { PlanStep } from './plan-step';
import { importPath, importQuery, useImport, type Verb } from './queries';
import { ResultStep } from './result-step';
import { type StepName, Steps } from './steps';
import { ImportTag } from './words';
import { WorkingStep } from './working-step';

/** One import, at the step it has reached. It goes on without this page; opened again it is where it is. */
export default function ImportPage() {
  const { t } = useTranslation('imports');
  const { id } = useParams({ strict: false }) as { id: string };
  const job = useImport(id);
  const view = useQuery({ ...objectQuery(job.data?.object ?? ''), enabled: job.data !== undefined });
  if (job.data && view.data) return <One key={id} job={job.data} view={view.data} />;
  const failed = job.error ? job : view.error ? view : null;
  return (
    <>
      <PageHeader title={t('title')} />
      <div className="page">
        {failed ? (
          <FailureState failure={failureOf(failed.error)} onRetry={() => failed.refetch()} />
        ) : (
          <Skeleton rows={8} />
        )}
      </div>
    </>
  );
}

function One({ job, view }: { job: Import; view: ObjectView }) {
  const { t } = useTranslation('imports');
  const client = useQueryClient();
  const [remapping, setRemapping] = useState(false);
  const settle = (answer: Import | undefined) => {
    if (answer) client.setQueryData(importQuery(job.id).queryKey, answer);
    return client.invalidateQueries({ queryKey: importQuery(job.id).queryKey });
  };
  const act = useMutation({
    mutationFn: (verb: Verb) =>
      api.post<Import>(`${importPath(job.id)}/${verb}`, {}, { 'Idempotency-Key': randomId() }),
    onSuccess: settle,
    onError: () => settle(undefined),
  });
  const plan = useMutation({
    mutationFn: (asked: ImportPlan) => api.post<Import>(`${importPath(job.id)}/plan`, asked),
    onSuccess: (answer) => {
      setRemapping(false);
      act.reset();
      client.removeQueries({ queryKey: ['import-rows', job.id] });
      return settle(answer);
    },
  });
  const mapping = job.status === 'uploaded' || (job.status === 'planned' && remapping);
  return (
    <>
      <PageHeader
        title={t('importOf', { name: job.name })}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/imports" search={{ object: job.object }} className="link">
              {t('title')}
            </Link>
          </nav>
        }
        after={
          <>
            <ImportTag status={job.status} />
            <span className="count">
              {t('startedBy', {
                object: view.title,
                at: formatDateTime(job.created_at),
                name: job.created_by?.title ?? '',
              })}
            </span>
          </>
        }
      />
      <div className="page">
        <Steps at={mapping ? 'map' : stepOf(job)} />
        {act.error ? (
          <p className="notice notice-danger" role="alert">
            {problemText(act.error)}
          </p>
        ) : null}
        {mapping ? (
          <MappingStep
            job={job}
            view={view}
            busy={plan.isPending}
            error={plan.error}
            onPlan={(asked) => plan.mutate(asked)}
            onBack={job.status === 'planned' ? () => setRemapping(false) : undefined}
          />
        ) : null}
        {['planning', 'applying', 'reverting'].includes(job.status) ? (
          <WorkingStep job={job} busy={act.isPending} onCancel={() => act.mutate('cancel')} />
        ) : null}
        {job.status === 'planned' && !mapping ? (
          <PlanStep
            job={job}
            view={view}
            busy={act.isPending}
            onApply={() => act.mutate('apply')}
            onBack={() => setRemapping(true)}
          />
        ) : null}
        {['applied', 'cancelled', 'failed', 'reverted'].includes(job.status) ? (
          <ResultStep job={job} view={view} busy={act.isPending} onAct={(verb) => act.mutate(verb)} />
        ) : null}
      </div>
    </>
  );
}

function stepOf(job: Import): StepName {
  if (job.status === 'planning' || job.status === 'planned') return 'check';
  return job.status === 'applying' ? 'write' : 'result';
}
