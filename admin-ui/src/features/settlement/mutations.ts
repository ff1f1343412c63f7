import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Statement } from '../../api/contract/settlement';
import { asStale, problemText } from '../../api/problems';
import { randomId } from '../../lib/identity';
import { toast } from '../../ui/toasts';
import { statementQuery } from './queries';

export type StatementStep = { path: string; title: string; body?: Record<string, unknown> };

/** Takes a statement a step further: what it answers is shown, what hangs on it is read again. */
export function useStatementStep(statement: Statement, name: string, onSettled: () => void) {
  const { t } = useTranslation('settlement');
  const client = useQueryClient();
  return useMutation({
    mutationFn: (step: StatementStep) =>
      api.post<Statement>(
        `/statements/${encodeURIComponent(statement.id)}/${step.path}`,
        { version: statement.version, ...step.body },
        { 'Idempotency-Key': randomId() },
      ),
    onSuccess: (answer, step) => {
      client.setQueryData(statementQuery(statement.id).queryKey, (before) => ({
        ...before,
        ...answer,
        lines: answer.lines ?? before?.lines,
      }));
      for (const queryKey of [['statements', 'list'], ['statements', 'lines'], ['dashboard'], ['tasks'], ['record']])
        client.invalidateQueries({ queryKey });
      toast(t('actionDone', { action: step.title, name: answer.number ?? name }));
    },
    onError: (error) => {
      if (asStale(error)) client.invalidateQueries({ queryKey: ['statements', 'one', statement.id] });
      toast(problemText(error), { tone: 'danger' });
    },
    onSettled,
  });
}
