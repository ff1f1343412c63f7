import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Statement } from '../../api/contract/settlement';
import type { Action } from '../../api/contract/shared';
import { formatAmount } from '../../lib/format';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { useStatementStep } from './mutations';
import { ReasonDialog } from './reason-dialog';

type Props = { statement: Statement; name: string; chosen: ReadonlySet<string>; onDone: () => void };

/** The next steps: each final towards the other party, so each is asked once; some ask why. */
export function StatementActions({ statement, name, chosen, onDone }: Props) {
  const { t } = useTranslation('settlement');
  const [asked, setAsked] = useState<Action | null>(null);
  const act = useStatementStep(statement, name, () => {
    setAsked(null);
    onDone();
  });
  const reason = (action: Action) => {
    if (!action.allowed) return action.reason ?? t('notAllowed');
    return action.name === 'dispute' && chosen.size === 0 ? t('chooseLines') : undefined;
  };
  const close = () => setAsked(null);
  return (
    <>
      {(statement._actions ?? []).map((action) => (
        <Button
          key={action.name}
          look={action.primary && action.allowed ? 'primary' : action.destructive ? 'danger' : 'default'}
          reason={reason(action)}
          onClick={() => setAsked(action)}
        >
          {action.title}
        </Button>
      ))}
      {asked?.input?.includes('reason') ? (
        <ReasonDialog
          title={t('actionTitle', { action: asked.title, name })}
          lead={asked.name === 'dispute' ? t('disputeLead', { count: chosen.size }) : t(`${asked.name}Lead`, { name })}
          confirm={asked.title}
          danger={asked.destructive}
          busy={act.isPending}
          onClose={close}
          onConfirm={(text) =>
            act.mutate(
              asked.name === 'dispute'
                ? { path: 'disputes', title: asked.title, body: { lines: [...chosen], reason: text } }
                : { path: asked.name, title: asked.title, body: { reason: text } },
            )
          }
        />
      ) : asked ? (
        <Confirm
          title={t('actionTitle', { action: asked.title, name })}
          confirm={asked.title}
          danger={asked.destructive}
          busy={act.isPending}
          onConfirm={() => act.mutate({ path: asked.name, title: asked.title })}
          onClose={close}
        >
          <p>
            {t('actionSure', {
              action: asked.title,
              party: statement.payee?.title ?? '',
              amount: `${statement.currency} ${formatAmount(statement.gross)}`,
              count: statement.line_count,
            })}
          </p>
        </Confirm>
      ) : null}
    </>
  );
}
