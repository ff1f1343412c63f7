import { type FocusEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { FieldView } from '../../api/contract/objects';
import type { Duplicate } from '../../api/contract/records';
import type { Values } from '../../fields/record-form';
import { Button } from '../../ui/button';

const TELLING = new Set(['text', 'phone', 'email', 'url', 'address', 'date', 'reference']);

/** Asks who looks like the record being made, each time a field that may tell has been left changed. */
export function useDuplicates(object: string, fields: FieldView[], body: () => Values, on: boolean) {
  const [found, setFound] = useState<Duplicate[]>([]);
  const asked = useRef<Record<string, unknown>>({});
  const running = useRef<AbortController | null>(null);
  const off = useRef(false);
  const leave = (event: FocusEvent<HTMLElement>) => {
    const name = event.target.closest<HTMLElement>('[data-path]')?.dataset.path;
    const field = fields.find((one) => one.name === name);
    if (!on || off.current || !field || !TELLING.has(field.type)) return;
    const data = body();
    const value = data[field.name];
    if (value === undefined || value === asked.current[field.name]) return;
    asked.current[field.name] = value;
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    api
      .ask<{ data: Duplicate[] }>(`${api.record(object)}/duplicates`, { data }, stop.signal)
      .then((answer) => setFound(answer.data))
      .catch(() => {
        // A warning that cannot be had now comes when the record is saved.
        if (!stop.signal.aborted) off.current = true;
      });
  };
  return { found, setFound, leave };
}

type Props = { found: Duplicate[]; refused: boolean; busy: boolean; onAccept: () => void };

/** Who is there already. What only warns may be passed by; what blocks may not. */
export function DuplicateNotice({ found, refused, busy, onAccept }: Props) {
  const { t } = useTranslation('records');
  const blocked = found.some((one) => one.action === 'block');
  return (
    <div aria-live="polite">
      {found.length > 0 || refused ? (
        <section
          className={`notice ${blocked ? 'notice-danger' : 'notice-warning'}`}
          aria-label={t('duplicates.title')}
          role={refused ? 'alert' : undefined}
        >
          <h2>{t('duplicates.title')}</h2>
          <ul className="sentences">
            {found.map((one) => (
              <li key={one.rule}>
                {one.title ?? one.rule}
                {': '}
                {one.records.map((ref, at) => (
                  <span key={ref.id}>
                    {at > 0 ? t('history.comma') : ''}
                    <a
                      className="link"
                      href={`/records/${encodeURIComponent(ref.object)}/${encodeURIComponent(ref.id)}`}
                      target="_blank"
                      rel="noopener"
                    >
                      {ref.title}
                      <span className="sr-only">{t('duplicates.newTab')}</span>
                    </a>
                  </span>
                ))}
                {one.hidden ? <span className="muted"> {t('duplicates.hidden', { count: one.hidden })}</span> : null}
              </li>
            ))}
          </ul>
          {blocked ? (
            <p>{t('duplicates.blocked')}</p>
          ) : (
            <div className="notice-foot">
              <span>{t('duplicates.warned')}</span>
              <Button busy={busy} onClick={onAccept}>
                {t('duplicates.accept')}
              </Button>
            </div>
          )}
        </section>
      ) : null}
    </div>
  );
}
