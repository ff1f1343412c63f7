import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Statement, StatementLink } from '../../api/contract/settlement';
import { WhyButton } from '../../fields/explain';
import { BLANK, formatAmount } from '../../lib/format';

/** What a statement comes to: its lines, then what is held, carried on, netted and taken back, where there is any of it. */
export function StatementTotals({ statement, name }: { statement: Statement; name: string }) {
  const { t } = useTranslation('settlement');
  const net = statement.net_position;
  const rest: [string, string | undefined][] = [
    ['opening', statement.opening],
    ['disputed', statement.disputed],
    ['withdrawn', statement.withdrawn],
    ['debt', statement.debt],
  ];
  const moved = rest.filter((one): one is [string, string] => Boolean(one[1]) && Number(one[1]) !== 0);
  const links: [string, StatementLink | undefined][] = [
    ['reverses', statement.reverses],
    ['reversedBy', statement.reversed_by],
    ['carriedTo', statement.carried_to],
  ];
  return (
    <>
      <dl className="totals">
        <Total title={t('gross')} unit={statement.currency}>
          {formatAmount(statement.gross)}{' '}
          <WhyButton title={name} path={`/statements/${encodeURIComponent(statement.id)}/explain`} />
        </Total>
        <Total title={t('tax')} unit={statement.currency}>
          {formatAmount(statement.tax)}
        </Total>
        <Total title={t('net')} unit={statement.currency}>
          {formatAmount(statement.net)}
        </Total>
        {moved.map(([key, amount]) => (
          <Total key={key} title={t(key)} unit={statement.currency}>
            {formatAmount(amount)}
          </Total>
        ))}
        {moved.length > 0 || statement.status === 'reversed' || statement.reverses ? (
          <Total title={t('payable')} unit={statement.currency}>
            {formatAmount(statement.payable)}
          </Total>
        ) : null}
        {net ? (
          <Total title={t('netPosition')} unit={statement.currency}>
            {formatAmount(net.net)}
            <span className="cell-note">
              {t('netParties', { payer: net.payer?.title ?? BLANK, payee: net.payee?.title ?? BLANK })}
            </span>
          </Total>
        ) : null}
      </dl>
      {links.some(([, link]) => link) ? (
        <dl className="facts">
          {links.map(([key, link]) =>
            link ? (
              <div key={key}>
                <dt>{t(key)}</dt>
                <dd>
                  <Link to="/statements/$id" params={{ id: link.id }} className="link">
                    {link.number ?? t('unnumbered')}
                  </Link>
                </dd>
              </div>
            ) : null,
          )}
        </dl>
      ) : null}
    </>
  );
}

function Total({ title, unit, children }: { title: string; unit: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>
        {title}
        <span className="th-unit">{unit}</span>
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
