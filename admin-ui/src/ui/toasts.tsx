import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Icon } from './icon';

/** Results of work in the background, with a way back where there is one. Spoken politely. */
export type Toast = { id: number; text: string; tone?: 'info' | 'danger'; action?: { label: string; run: () => void } };

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};

export function dismiss(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
  tell();
}

export function dismissAll(): void {
  toasts = [];
  tell();
}

export function toast(text: string, options: Omit<Toast, 'id' | 'text'> & { lasts_ms?: number } = {}): number {
  const { lasts_ms, ...rest } = options;
  const id = next;
  next += 1;
  toasts = [...toasts.slice(-2), { id, text, ...rest }];
  tell();
  setTimeout(() => dismiss(id), lasts_ms ?? (rest.action || rest.tone === 'danger' ? 8000 : 4500));
  return id;
}

export function Toasts() {
  const { t } = useTranslation('ui');
  const shown = useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={`toast toast-${one.tone ?? 'info'}`}>
          <Icon name={one.tone === 'danger' ? 'warning' : 'check'} />
          <span className="toast-text">{one.text}</span>
          {one.action ? (
            <Button
              look="text"
              onClick={() => {
                one.action?.run();
                dismiss(one.id);
              }}
            >
              {one.action.label}
            </Button>
          ) : null}
          <Button look="text" icon="close" aria-label={t('close')} onClick={() => dismiss(one.id)} />
        </div>
      ))}
    </div>
  );
}
