/** Views over lines and tiered prices of the pretended server: fixed figures of the shape docs/http.md states. */

const SCHEDULE = { name: 'joint_steps', mode: 'graduated' };
const TIERS = [
  { up_to: '10', rate: '100', flat: '0', deduct: '0', quick_deduction: '0' },
  { up_to: null, rate: '80', flat: '0', deduct: '0', quick_deduction: '-200' },
];

export function analysis([what, name, action], query, body, chinese) {
  const say = (zh, en) => (chinese ? zh : en);
  const by = String(query.by ?? '')
    .split(',')
    .filter(Boolean);
  if (what === 'dimensions')
    return {
      data: [
        { name: 'region', title: say('地区', 'Region') },
        { name: 'service_item', title: say('服务项目', 'Service') },
      ],
    };
  const values = (at) =>
    Object.fromEntries(
      by
        .filter((one) => one !== 'account')
        .map((one) => [
          one,
          one === 'service_item'
            ? {
                object: 'service_item',
                id: `si-${at + 1}`,
                title: [say('安装', 'Installation'), say('维修', 'Repair')][at],
              }
            : [say('上海', 'Shanghai'), null][at],
        ]),
    );
  if (what === 'attribution')
    return {
      by,
      data: [
        { ...values(0), currency: 'CNY', income: '0.00', cost: '320.00', profit: '-320.00' },
        { ...values(1), currency: 'CNY', income: '0.00', cost: '510.50', profit: '-510.50' },
      ],
      totals: [{ currency: 'CNY', income: '0.00', cost: '830.50', profit: '-830.50' }],
    };
  if (what === 'balances') {
    const account = (at) =>
      by.includes('account')
        ? {
            account: ['cost', 'payable'][at],
            posting: 'internal',
            title: [say('成本', 'Cost'), say('应付', 'Payable')][at],
          }
        : {};
    return {
      by,
      data: [
        { ...values(0), ...account(0), currency: 'CNY', debit: '830.50', credit: '0.00', balance: '830.50' },
        { ...values(1), ...account(1), currency: 'CNY', debit: '0.00', credit: '830.50', balance: '-830.50' },
      ],
      totals: [{ currency: 'CNY', debit: '830.50', credit: '830.50', balance: '0.00' }],
    };
  }
  if (what !== 'schedules') return null;
  const shown = { ...SCHEDULE, title: say('联营阶梯', 'Joint steps') };
  if (!name) return { data: [shown] };
  if (action !== 'apply') return { ...shown, tiers: TIERS };
  const quantity = body.quantities.at(-1);
  return {
    schedule: SCHEDULE.name,
    amount: '1160',
    applied: [
      {
        quantity,
        before: body.cumulate ? body.quantities[0] : null,
        amount: '1160',
        parts: [
          { tier: 0, quantity: '10', rate: '100', flat: '0', amount: '1000' },
          { tier: 1, quantity: '2', rate: '80', flat: '0', amount: '160' },
        ],
      },
    ],
  };
}
