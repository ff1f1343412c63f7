import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Run, RunFailure } from '../../api/contract/settlement';
import { problemText } from '../../api/problems';
import { plansQuery } from '../../api/queries';
import { RefLink } from '../../fields/titles';
import { formatCount, formatDateTime, formatMoney } from '../../lib/format';
import { Button } from '../../ui/button';
import { Card } from '../../ui/layout';
import { Progress } from '../../ui/progress';
import { RunTag } from './words';

/** What a run did, in a sentence, in numbers, and what it could not do, in words with a way there. */
export function RunResult({ run }: { run: Run }) {
  const { t } = useTranslation('settlement');
  const plan = useQuery(plansQuery).data?.data.find((one) => one.name === run.plan)?.title ?? run.plan;
  const failures = run.failures ?? [];
  const statements = run.statements ?? [];
  return (
    <Card
      className={run.mode === 'preview' ? 'run-preview' : undefined}
      id="run-result"
      title={t(run.mode === 'preview' ? 'previewOf' : 'runOf', { plan, period: run.period })}
      actions={<RunTag status={run.status} />}
    >
      <p className="lead">
        {t(`run.sentence.${run.mode === 'preview' ? 'preview' : run.status}`, {
          lines: formatCount(run.lines),
          amount: formatMoney(run.amount, run.currency),
        })}
      </p>
      {run.after ? <p className="cell-note">{t('onlyChanged')}</p> : null}
      {run.status === 'running' ? <UnderWay run={run} /> : null}
      <dl className="counts">
        <Count label={t('facts')} value={formatCount(run.facts)} />
        <Count label={t(run.mode === 'preview' ? 'linesWould' : 'linesWritten')} value={formatCount(run.lines)} />
        <Count label={t('reversed')} value={formatCount(run.reversed)} />
        <Count label={t('unchanged')} value={formatCount(run.unchanged)} />
        <Count label={t('failures')} value={formatCount(failures.length)} />
        <Count label={t('amount')} value={formatMoney(run.amount, run.currency)} />
        {run.finished_at ? <Count label={t('finishedAt')} value={formatDateTime(run.finished_at)} /> : null}
      </dl>
      {failures.length > 0 ? (
        <>
          <h3>{t('failuresTitle', { count: failures.length })}</h3>
          <ul className="failures">
            {failures.map((failure, at) => (
              <Failed key={`${failure.unit ?? ''}${failure.fact?.id ?? at}${failure.code}`} failure={failure} />
            ))}
          </ul>
        </>
      ) : null}
      {statements.length > 0 && run.mode !== 'preview' ? (
        <p className="run-links">
          <Link to="/statements" search={{ period: run.period }} className="link">
            {t('toStatements', { count: statements.length })}
          </Link>
        </p>
      ) : null}
    </Card>
  );
}

/** How far a run is, and the way to stop it. */
function UnderWay({ run }: { run: Run }) {
  const { t } = useTranslation('settlement');
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => api.post<Run>(`/settlement/runs/${encodeURIComponent(run.id ?? '')}/cancel`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ['runs'] }),
  });
  const facts = run.facts ?? 0;
  const share = facts > 0 ? Math.floor(((run.done ?? 0) / facts) * 100) : 0;
  return (
    <div className="toolbar">
      <Progress
        ratio={facts > 0 ? (run.done ?? 0) / facts : null}
        label={t('run.running')}
        text={facts > 0 ? `${formatCount(run.done)} / ${formatCount(facts)} (${share}%)` : undefined}
      />
      <Button busy={cancel.isPending || cancel.isSuccess} onClick={() => cancel.mutate()}>
        {t('cancelRun')}
      </Button>
      {cancel.error ? (
        <span className="notice notice-danger" role="alert">
          {problemText(cancel.error)}
        </span>
      ) : null}
    </div>
  );
}

function Count({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className="num">{value}</dd>
    </div>
  );
}

function Failed({ failure }: { failure: RunFailure }) {
  return (
    <li>
      {failure.fact ? (
        <RefLink object={failure.fact.object} id={failure.fact.id} title={failure.fact.title} />
      ) : (
        <span>{failure.unit}</span>
      )}
      <span>{failure.detail ?? failure.code}</span>
      <code className="code">{failure.code}</code>
    </li>
  );
}
