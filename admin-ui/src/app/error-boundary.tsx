import i18next from 'i18next';
import { Component, type ReactNode } from 'react';
import { Button } from '../ui/button';
import { PageState } from '../ui/states';

/** The last resort: a page that broke says so and offers to load again. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    return this.state.error ? <Broken error={this.state.error} /> : this.props.children;
  }
}

export function Broken({ error }: { error: Error }) {
  return (
    <div className="page">
      <PageState
        icon="warning"
        title={i18next.t('app:broken.title')}
        alert
        action={<Button onClick={() => location.reload()}>{i18next.t('app:broken.reload')}</Button>}
      >
        <p>{i18next.t('app:broken.text')}</p>
        <p className="code">{error.message}</p>
      </PageState>
    </div>
  );
}
