import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dispute, Line, Statement } from '../../api/contract/settlement';
import type { Action } from '../../api/contract/shared';
import { BLANK, formatAmount, formatDateTime } from '../../lib/format';
import { Button } from '../../ui/button';
import { type Column, DataTable } from '../../ui/data-table';
import { Card } from '../../ui/layout';
import { useStatementStep } from './mutations';
import { ReasonDialog } from './reason-dialog';
import { DisputeTag } from './words';

type Props = { statement: Statement; disputes: Dispute[]; lines: Line[] };

/** Who objects to which line and why, and how that ended. */
export function DisputesCard({ statement, disputes, lines }: Props) {
  const { t } = useTranslation('settlement');
  const [asked, setAsked] = useState<{ dispute: Dispute; action: Action } | null>(null);
  const name = statement.number ?? statement.title;
  const act = useStatementStep(statement, name, () => setAsked(null));
  const titles = new Map(lines.map((line) => [line.id, line.fact?.title ?? line.id]));
  const columns: Column<Dispute>[] = [
    { id: 'line', title: t('fact'), cell: (one) => titles.get(one.line) ?? BLANK },
    {
      id: 'amount',
      title: t('gross'),
      unit: statement.currency,
      end: true,
      cell: (one) => <span className="num">{formatAmount(one.amount)}</span>,
    },
    {
      id: 'why',
      title: t('why'),
      cell: (one) => (
        <>
          {one.reason}
          <span className="cell-note">
            {one.opened_by?.title} {formatDateTime(one.opened_at)}
          </span>
        </>
      ),
    },
    {
      id: 'end',
      title: t('statusTitle'),
      cell: (one) => (
        <>
          <DisputeTag status={one.status} />
          {one.moved_to ? (
            <Link to="/statements/$id" params={{ id: one.moved_to.id }} className="link">
              {t('movedTo', { name: one.moved_to.number ?? t('unnumbered') })}
            </Link>
          ) : null}
          {one.settled_at ? (
            <span className="cell-note">
              {one.settled_by?.title} {formatDateTime(one.settled_at)} {one.note}
            </span>
          ) : null}
        </>
      ),
    },
    {
      id: 'actions',
      title: t('actions'),
      cell: (one) =>
        (one._actions ?? []).map((action) => (
          <Button
            key={action.name}
            reason={action.allowed ? undefined : (action.reason ?? t('notAllowed'))}
            onClick={() => setAsked({ dispute: one, action })}
          >
            {action.title}
          </Button>
        )),
    },
  ];
  return (
    <Card className="card-flush" id="disputes" title={t('disputes')}>
      <DataTable caption={t('disputes')} columns={columns} rows={disputes} rowKey={(one) => one.id} />
      {asked ? (
        <ReasonDialog
          title={t('actionTitle', { action: asked.action.title, name })}
          lead={t(`${asked.action.name}Lead`)}
          confirm={asked.action.title}
          busy={act.isPending}
          optional
          onClose={() => setAsked(null)}
          onConfirm={(note) =>
            act.mutate({
              path: `disputes/${encodeURIComponent(asked.dispute.id)}/${asked.action.name}`,
              title: asked.action.title,
              body: note ? { note } : {},
            })
          }
        />
      ) : null}
    </Card>
  );
}
