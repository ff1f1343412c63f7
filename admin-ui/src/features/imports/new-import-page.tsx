import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { download, upload } from '../../api/client';
import type { Import } from '../../api/contract/imports';
import { problemText } from '../../api/problems';
import { objectQuery } from '../../api/queries';
import { failureOf } from '../../fields/explain';
import { Button } from '../../ui/button';
import { DropZone } from '../../ui/drop-zone';
import { Card, PageHeader } from '../../ui/layout';
import { Progress } from '../../ui/progress';
import { FailureState, PageState, Skeleton } from '../../ui/states';
import { toast } from '../../ui/toasts';
import { keepSamples } from './samples';
import type { ImportSearch } from './search';
import { Steps } from './steps';

const READABLE = /\.(csv|xlsx|txt|tsv)$/i;

/** The first step: a file, or an empty one to fill in. */
export default function NewImportPage() {
  const { t } = useTranslation('imports');
  const { object } = useSearch({ strict: false }) as ImportSearch;
  const view = useQuery({ ...objectQuery(object ?? ''), enabled: object !== undefined });
  const navigate = useNavigate();
  const [ratio, setRatio] = useState(0);
  const stop = useRef<AbortController | null>(null);
  const send = useMutation({
    mutationFn: async (file: File) => {
      stop.current = new AbortController();
      setRatio(0);
      const job = await upload<Import>('/imports', { object, name: file.name }, file, {
        progress: setRatio,
        signal: stop.current.signal,
      });
      await keepSamples(job.id, file, job.encoding);
      return job;
    },
    onSuccess: (job) => navigate({ to: '/imports/$id', params: { id: job.id }, replace: true }),
  });
  const template = useMutation({
    mutationFn: (format: 'xlsx' | 'csv') =>
      download('GET', '/imports/template', { query: { object, format }, name: `${object}.${format}` }),
    onError: (error) => toast(problemText(error), { tone: 'danger' }),
  });
  const [wrong, setWrong] = useState<string | null>(null);
  const take = ([file]: File[]) => {
    if (!file) return;
    const bad = file.size === 0 ? t('upload.emptyFile') : READABLE.test(file.name) ? null : t('upload.wrongType');
    setWrong(bad);
    if (!bad) send.mutate(file);
  };
  if (!object) {
    return (
      <div className="page">
        <PageState icon="upload" title={t('upload.noObject')} />
      </div>
    );
  }
  const stopped = send.error instanceof DOMException;
  const title = view.data?.plural ?? view.data?.title ?? '';
  const mayImport = !view.data?.rights || view.data.rights.create || view.data.rights.update;
  return (
    <>
      <PageHeader
        title={t('newTitle', { objects: title })}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/records/$object" params={{ object }} className="link">
              {title}
            </Link>
          </nav>
        }
        actions={
          <Link className="btn btn-default" to="/imports" search={{ object }}>
            {t('earlier')}
          </Link>
        }
      />
      <div className="page">
        <Steps at="upload" />
        {view.isPending ? <Skeleton rows={3} /> : null}
        {view.error ? <FailureState failure={failureOf(view.error)} onRetry={() => view.refetch()} /> : null}
        {view.data && !mayImport ? <PageState icon="lock" title={t('upload.forbidden', { objects: title })} /> : null}
        {view.data && mayImport ? (
          <>
            <Card title={t('upload.title')} id="import-upload">
              {send.isPending ? (
                <div className="sending">
                  <Progress
                    ratio={ratio}
                    label={t('upload.sending', { name: send.variables?.name })}
                    text={`${Math.round(ratio * 100)}%`}
                  />
                  <p className="muted">{ratio >= 1 ? t('upload.reading') : send.variables?.name}</p>
                  <Button onClick={() => stop.current?.abort()}>{t('upload.stop')}</Button>
                </div>
              ) : (
                <DropZone label={t('upload.choose')} accept=".csv,.xlsx,.txt,.tsv" onFiles={take}>
                  {t('upload.drop')}
                </DropZone>
              )}
              {wrong ? (
                <p className="field-error" role="alert">
                  {wrong}
                </p>
              ) : null}
              {send.error && !stopped ? (
                <p className="notice notice-danger" role="alert">
                  {problemText(send.error)}
                </p>
              ) : null}
            </Card>
            <Card title={t('template.title')} id="import-template">
              <p className="lead">{t('template.lead', { objects: title })}</p>
              <div className="buttons">
                {(['xlsx', 'csv'] as const).map((format) => (
                  <Button
                    key={format}
                    icon="download"
                    busy={template.isPending && template.variables === format}
                    onClick={() => template.mutate(format)}
                  >
                    {t(`template.${format}`)}
                  </Button>
                ))}
              </div>
            </Card>
          </>
        ) : null}
      </div>
    </>
  );
}
