import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { asProblem } from '../api/client';
import { problemText } from '../api/problems';
import { explainQuery } from '../api/queries';
import { DockPanel } from '../ui/dock';
import { ExplanationView } from '../ui/explanation';
import { FailureState, Skeleton } from '../ui/states';
import { RefLink } from './titles';

type Asked = { title: string; path: string };
const Explain = createContext<{ asked: Asked | null; ask: (asked: Asked | null) => void }>({
  asked: null,
  ask: () => undefined,
});

/** One explanation panel for the whole page; every "why?" opens it. */
export function ExplainProvider({ children }: { children: ReactNode }) {
  const [asked, ask] = useState<Asked | null>(null);
  const value = useMemo(() => ({ asked, ask }), [asked]);
  return (
    <Explain value={value}>
      {children}
      {asked ? <ExplainPanel key={asked.path} asked={asked} onClose={() => ask(null)} /> : null}
    </Explain>
  );
}

export function useExplain() {
  return useContext(Explain);
}

function ExplainPanel({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  const { t } = useTranslation('ui');
  const query = useQuery(explainQuery(asked.path));
  return (
    <DockPanel title={t('explain.title', { what: asked.title })} onClose={onClose}>
      {query.isPending ? <Skeleton rows={5} /> : null}
      {query.error ? <FailureState small failure={failureOf(query.error)} onRetry={() => query.refetch()} /> : null}
      {query.data ? (
        <ExplanationView
          sentence={query.data.sentence}
          tree={query.data.tree}
          trace={query.data.trace}
          link={(ref) => <RefLink object={ref.object} id={ref.id} title={ref.title} />}
        />
      ) : null}
    </DockPanel>
  );
}

export function WhyButton({ title, path }: Asked) {
  const { t } = useTranslation('ui');
  const { asked, ask } = useExplain();
  return (
    <button
      type="button"
      className="why"
      aria-expanded={asked?.path === path}
      aria-label={t('explain.whyOf', { what: title })}
      onClick={() => ask(asked?.path === path ? null : { title, path })}
    >
      {t('explain.why')}
    </button>
  );
}

export function failureOf(error: unknown) {
  const problem = asProblem(error);
  return { code: problem.code, status: problem.status, text: problemText(problem), trace: problem.body.trace_id };
}
