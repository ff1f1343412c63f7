import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { download } from '../../api/client';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import { problemText } from '../../api/problems';
import type { Condition } from '../../lib/filter';
import { formatBytes } from '../../lib/format';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Progress } from '../../ui/progress';
import { toast } from '../../ui/toasts';

const FORMATS = ['xlsx', 'csv', 'ndjson'] as const;

type Props = {
  view: ObjectView;
  fields: FieldView[];
  /** The columns of the list, offered first. */
  columns: FieldView[];
  asked: { filter?: Condition; sort?: string; search?: string };
  /** What will be in the file, in words: how many, under which conditions. */
  scope: string;
  onClose: () => void;
};

/** The list as a file: which format, which columns; the filter and the order stay as they are. */
export function ExportDialog({ view, fields, columns, asked, scope, onClose }: Props) {
  const { t } = useTranslation('records');
  const [format, setFormat] = useState<(typeof FORMATS)[number]>('xlsx');
  const [names, setNames] = useState(() => columns.map((field) => field.name));
  const [titles, setTitles] = useState(true);
  const [bytes, setBytes] = useState(0);
  const stop = useRef<AbortController | null>(null);
  const all = [...columns, ...fields.filter((field) => !columns.some((one) => one.name === field.name))];
  const fetching = useMutation({
    mutationFn: () => {
      stop.current = new AbortController();
      setBytes(0);
      return download('POST', '/exports', {
        body: {
          object: view.name,
          filter: asked.filter,
          sort: asked.sort?.split(','),
          search: asked.search,
          fields: names,
          format,
          titles,
        },
        name: `${view.name}.${format}`,
        progress: setBytes,
        signal: stop.current.signal,
      });
    },
    onSuccess: () => {
      toast(t('export.done'));
      onClose();
    },
  });
  const stopped = fetching.error instanceof DOMException;
  const close = () => {
    stop.current?.abort();
    onClose();
  };
  return (
    <Dialog
      title={t('export.title', { objects: view.plural ?? view.title })}
      onClose={close}
      footer={
        <>
          <Button onClick={() => (fetching.isPending ? stop.current?.abort() : close())}>
            {fetching.isPending ? t('export.stop') : t('cancel')}
          </Button>
          <Button
            look="primary"
            icon="download"
            busy={fetching.isPending}
            reason={names.length > 0 ? undefined : t('export.noColumn')}
            onClick={() => fetching.mutate()}
          >
            {t('export.button')}
          </Button>
        </>
      }
    >
      <p>{scope}</p>
      <fieldset className="checks checks-row">
        <legend>{t('export.format')}</legend>
        {FORMATS.map((one) => (
          <label key={one} className="check">
            <input type="radio" name="format" checked={format === one} onChange={() => setFormat(one)} />
            {t(`export.formats.${one}`)}
          </label>
        ))}
      </fieldset>
      <fieldset className="checks export-columns">
        <legend>{t('columns')}</legend>
        <div className="export-all">
          <Button look="text" onClick={() => setNames(all.map((field) => field.name))}>
            {t('export.all')}
          </Button>
          <Button look="text" onClick={() => setNames(columns.map((field) => field.name))}>
            {t('export.shown')}
          </Button>
        </div>
        {all.map((field) => (
          <label key={field.name} className="check">
            <input
              type="checkbox"
              checked={names.includes(field.name)}
              onChange={(event) =>
                setNames(
                  event.target.checked
                    ? all.map((one) => one.name).filter((name) => name === field.name || names.includes(name))
                    : names.filter((name) => name !== field.name),
                )
              }
            />
            {field.title}
          </label>
        ))}
      </fieldset>
      {format === 'ndjson' ? null : (
        <label className="check">
          <input type="checkbox" checked={titles} onChange={(event) => setTitles(event.target.checked)} />
          {t('export.titles')}
        </label>
      )}
      {fetching.isPending ? (
        <Progress ratio={null} label={t('export.running')} text={t('export.got', { size: formatBytes(bytes) })} />
      ) : null}
      {fetching.error && !stopped ? (
        <p className="notice notice-danger" role="alert">
          {problemText(fetching.error)}
        </p>
      ) : null}
      {stopped ? <p role="status">{t('export.stopped')}</p> : null}
    </Dialog>
  );
}
