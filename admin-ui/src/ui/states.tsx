import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Icon, type IconName } from './icon';

type StateProps = {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  small?: boolean;
  alert?: boolean;
};

/** What a page says instead of data: nothing there, not allowed, broken, offline. */
export function PageState({ icon, title, children, action, small, alert }: StateProps) {
  return (
    <div className={`state${small ? ' state-small' : ''}`} role={alert ? 'alert' : undefined}>
      <span className="state-icon">
        <Icon name={icon} size={small ? 24 : 32} />
      </span>
      <p className="state-title">{title}</p>
      {children ? <div className="state-text">{children}</div> : null}
      {action ? <div className="state-action">{action}</div> : null}
    </div>
  );
}

export type Failure = { code: string; status: number; text: string; trace?: string };

export function FailureState({ failure, onRetry, small }: { failure: Failure; onRetry?: () => void; small?: boolean }) {
  const { t } = useTranslation('ui');
  const retry = onRetry ? <Button onClick={onRetry}>{t('retry')}</Button> : undefined;
  if (failure.status === 403) {
    return (
      <PageState icon="lock" title={t('state.forbidden')} small={small}>
        {t('state.forbiddenHint')}
      </PageState>
    );
  }
  if (failure.status === 404) {
    return (
      <PageState icon="search" title={t('state.missing')} small={small}>
        {t('state.missingHint')}
      </PageState>
    );
  }
  if (failure.code === 'network') {
    return (
      <PageState icon="offline" title={t('state.offline')} action={retry} small={small} alert>
        {t('state.offlineHint')}
      </PageState>
    );
  }
  return (
    <PageState icon="warning" title={t('state.failed')} action={retry} small={small} alert>
      <p>{failure.text}</p>
      <p className="code">
        {t('state.code', { code: failure.code })}
        {failure.trace ? ` · ${failure.trace}` : ''}
      </p>
    </PageState>
  );
}

export function Skeleton({ rows = 6, label }: { rows?: number; label?: string }) {
  const { t } = useTranslation('ui');
  return (
    <div className="skeleton" role="status" aria-label={label ?? t('loading')}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
        <span key={row} className="skeleton-bar" />
      ))}
    </div>
  );
}
