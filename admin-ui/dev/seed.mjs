// Sample data of the fake server: an air-conditioner service company and its partners.

const field = (name, zh, en, type, more = {}) => ({
  name,
  zh,
  en,
  type,
  required: false,
  read_only: false,
  system: false,
  ...more,
});

export function seed(now) {
  const today = now.toISOString().slice(0, 10);
  const month = today.slice(0, 7);
  const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1)).toISOString().slice(0, 7);
  const at = (day, time = '06:30') => `${month}-${String(Math.max(1, Math.min(28, day))).padStart(2, '0')}T${time}:00Z`;
  const states = [
    ['draft', '草稿', 'Draft', 'neutral'],
    ['dispatched', '已派单', 'Dispatched', 'info'],
    ['in_progress', '进行中', 'In progress', 'warning'],
    ['completed', '已完成', 'Completed', 'success'],
    ['cancelled', '已取消', 'Cancelled', 'danger'],
  ];
  const objects = {
    work_order: {
      name: 'work_order',
      zh: '工单',
      en: 'Work order',
      zhs: '工单',
      ens: 'Work orders',
      display: 'number',
      key: 'number',
      settled: true,
      states,
      fields: [
        field('number', '工单号', 'Number', 'sequence', { read_only: true }),
        field('customer', '客户', 'Customer', 'reference', { to: ['customer'], required: true }),
        field('address', '服务地址', 'Address', 'address'),
        field('region', '地区', 'Region', 'reference', { to: ['region'], read_only: true, formula: true }),
        field('tier', '客户等级', 'Tier', 'choice', {
          options: [
            ['a', 'A 级', 'Tier A'],
            ['b', 'B 级', 'Tier B'],
          ],
        }),
        field('service', '服务项目', 'Service', 'reference', { to: ['service_item'], required: true }),
        field('quantity', '数量', 'Quantity', 'decimal', { required: true, default: '1', scale: 2, minimum: '0' }),
        field('partner', '服务商', 'Partner', 'reference', { to: ['partner'] }),
        field('price', '单价', 'Price', 'money', { currency: 'CNY', read_only: true, formula: true }),
        field('amount', '金额', 'Amount', 'money', { currency: 'CNY', read_only: true, formula: true }),
        field('pricing', '定价', 'Pricing', 'choice', {
          read_only: true,
          options: [
            ['priced', '已定价', 'Priced', 'success'],
            ['region_pending', '区域待确认', 'Region pending', 'warning'],
            ['price_pending', '待定价', 'Price pending', 'warning'],
          ],
        }),
        field('scheduled_at', '预约时间', 'Scheduled', 'date_time'),
        field('finished_at', '完成时间', 'Finished', 'date_time'),
        field('photos', '现场照片', 'Photos', 'image', { multiple: true }),
        field('note', '备注', 'Note', 'long_text', { help: '客户可见' }),
        field('items', '更换配件', 'Parts', 'items', {
          item_fields: [
            field('part', '配件', 'Part', 'text', { required: true }),
            field('count', '数量', 'Count', 'integer', { required: true, default: 1 }),
            field('cost', '费用', 'Cost', 'money', { currency: 'CNY' }),
          ],
        }),
      ],
      list: {
        columns: ['number', 'customer', 'service', 'state', 'pricing', 'quantity', 'amount', 'partner', 'scheduled_at'],
        sort: ['-created_at'],
        filters: ['state', 'customer', 'scheduled_at'],
      },
      templates: [
        ['repair', '维修', 'Repair', '上门检修并更换配件', 'On-site repair with spare parts'],
        ['installation', '安装', 'Installation', '新机安装与调试', 'New units installed and tested'],
        ['return', '退机', 'Return', '拆机并取回设备', 'Units taken down and collected'],
        ['appointment', '预约', 'Appointment', '只约定上门时间', 'Only a visit is arranged'],
        ['transfer', '移机', 'Transfer', '设备移到新地址', 'Units moved to another address'],
        ['inspection', '巡检', 'Inspection', '按合同定期检查', 'Regular checks by contract'],
      ],
    },
    customer: {
      name: 'customer',
      zh: '客户',
      en: 'Customer',
      zhs: '客户',
      ens: 'Customers',
      display: 'name',
      key: 'code',
      settled: false,
      fields: [
        field('code', '编码', 'Code', 'text', { required: true }),
        field('name', '名称', 'Name', 'text', { required: true }),
        field('region', '地区', 'Region', 'reference', { to: ['region'] }),
        field('phone', '电话', 'Phone', 'phone'),
        field('email', '邮箱', 'E-mail', 'email'),
        field('vip', '重点客户', 'Key account', 'boolean'),
        field('since', '合作起始', 'Since', 'date'),
        field('contact', '联系人', 'Contact', 'text'),
        field('note', '备注', 'Note', 'long_text'),
      ],
      list: { columns: ['name', 'code', 'region', 'phone', 'vip', 'since'], sort: ['code'], filters: ['region'] },
    },
    partner: {
      name: 'partner',
      zh: '服务商',
      en: 'Partner',
      zhs: '服务商',
      ens: 'Partners',
      display: 'name',
      key: 'code',
      settled: false,
      fields: [
        field('code', '编码', 'Code', 'text', { required: true }),
        field('name', '名称', 'Name', 'text', { required: true }),
        field('tax_rate', '税率', 'Tax rate', 'percent'),
        field('site', '网站', 'Site', 'url'),
      ],
      list: { columns: ['name', 'code', 'tax_rate'], filters: [] },
    },
    region: {
      name: 'region',
      zh: '地区',
      en: 'Region',
      zhs: '地区',
      ens: 'Regions',
      display: 'name',
      key: 'code',
      fields: [
        field('code', '编码', 'Code', 'text', { required: true }),
        field('name', '名称', 'Name', 'text', { required: true }),
      ],
      list: { columns: ['name', 'code'] },
    },
    service_item: {
      name: 'service_item',
      zh: '服务项目',
      en: 'Service',
      zhs: '服务项目',
      ens: 'Services',
      display: 'name',
      key: 'code',
      fields: [
        field('code', '编码', 'Code', 'text', { required: true }),
        field('name', '名称', 'Name', 'text', { required: true }),
      ],
      list: { columns: ['name', 'code'] },
    },
    user: {
      name: 'user',
      zh: '用户',
      en: 'User',
      zhs: '用户',
      ens: 'Users',
      display: 'name',
      key: 'login',
      fields: [
        field('login', '登录名', 'Login', 'text', { required: true }),
        field('name', '姓名', 'Name', 'text', { required: true }),
        field('roles', '角色', 'Roles', 'choices', {
          options: [
            ['pricing', '价格维护', 'Pricing'],
            ['dispatcher', '调度', 'Dispatcher'],
          ],
        }),
      ],
      list: { columns: ['name', 'login', 'roles'] },
    },
    expense: {
      name: 'expense',
      zh: '报销',
      en: 'Expense',
      zhs: '报销',
      ens: 'Expenses',
      display: 'title',
      key: null,
      fields: [field('title', '事由', 'Title', 'text', { required: true })],
      list: { columns: ['title'] },
    },
  };
  const base = { version: 1, created_at: at(1), updated_at: at(1), created_by: 'u-admin', updated_by: 'u-admin' };
  const region = [
    ['r-1', 'R1', '华东'],
    ['r-2', 'R2', '华北'],
    ['r-3', 'R3', '华南'],
  ].map(([id, code, name]) => ({ id, code, name, ...base }));
  const service_item = [
    ['s-1', 'FIX', '空调维修'],
    ['s-2', 'INST', '空调安装'],
    ['s-3', 'CLEAN', '深度清洗'],
    ['s-4', 'COMP', '压缩机更换'],
  ].map(([id, code, name]) => ({ id, code, name, ...base }));
  const partner = [
    ['p-1', 'P001', '上海捷修机电服务有限公司'],
    ['p-2', 'P002', '北京恒温制冷服务部'],
    ['p-3', 'P003', '广州南方家电维修中心'],
  ].map(([id, code, name]) => ({ id, code, name, tax_rate: '0.06', site: 'https://example.com', ...base }));
  const customer = [
    ['c-1', 'C001', '华东制冷设备有限公司', 'r-1'],
    ['c-2', 'C002', '星河物业', 'r-1'],
    ['c-3', 'C003', '联强电子科技', 'r-2'],
    ['c-4', 'C004', '北方供热集团', 'r-2'],
    ['c-5', 'C005', '明远医疗器械', 'r-3'],
    ['c-6', 'C006', '海港酒店管理', null],
  ].map(([id, code, name, of]) => ({
    id,
    code,
    name,
    region: of,
    phone: '021-5555 0100',
    email: `${code.toLowerCase()}@example.com`,
    vip: code === 'C001',
    since: '2024-03-01',
    ...base,
  }));
  const user = [
    ['u-admin', 'admin', '系统管理员'],
    ['u-li', 'li.wei', '李伟'],
    ['u-chen', 'chen', '陈静'],
  ].map(([id, login, name]) => ({ id, login, name, roles: [], ...base }));
  const prices = {
    'r-1/s-1': '95.00',
    'r-1/s-2': '180.00',
    'r-1/s-3': '120.00',
    'r-1/s-4': '860.00',
    'r-2/s-1': '88.00',
    'r-2/s-2': '165.00',
    'r-2/s-3': '110.00',
    'r-3/s-1': '90.00',
    'r-3/s-2': '170.00',
  };
  const payer = { object: 'partner', id: 'p-0', title: '本公司' };
  const work_order = [];
  const statements = [
    {
      id: 'st-1',
      number: null,
      status: 'draft',
      payer,
      payee: { object: 'partner', id: 'p-1', title: partner[0].name },
      period: month,
      currency: 'CNY',
      version: 1,
      corrections: [],
      issued_at: null,
    },
    {
      id: 'st-2',
      number: null,
      status: 'draft',
      payer,
      payee: { object: 'partner', id: 'p-2', title: partner[1].name },
      period: month,
      currency: 'CNY',
      version: 1,
      corrections: [],
      issued_at: null,
    },
    {
      id: 'st-3',
      number: `ST-${last.replace('-', '')}-0003`,
      status: 'issued',
      payer,
      payee: { object: 'partner', id: 'p-1', title: partner[0].name },
      period: last,
      currency: 'CNY',
      version: 2,
      corrections: [`WO-${last.replace('-', '')}-00011 的单价由 88.00 更正为 95.00，补付 14.00`],
      issued_at: at(2),
    },
  ];
  const lines = [];
  const line = (id, statement, record, kind, quantity, price, period, day) => {
    const amount = Number(quantity) * Number(price);
    const net = amount / 1.06;
    const service = service_item.find((one) => one.id === record.service);
    lines.push({
      id,
      plan: 'internal',
      line: 'service',
      kind,
      fact: { object: 'work_order', id: record.id, title: record.number },
      payer,
      payee: statements.find((one) => one.id === statement).payee,
      business_date: `${period}-${day}`,
      period,
      service_period: period,
      quantity,
      amount: amount.toFixed(2),
      tax: (amount - net).toFixed(2),
      net: net.toFixed(2),
      tax_rate: '0.06',
      currency: 'CNY',
      dimensions: { service_item: { object: 'service_item', id: service.id, title: service.name } },
      statement_id: statement,
      posted_at: at(3),
      sentence:
        kind === 'charge'
          ? `${quantity} 台 × ${price} = ${amount.toFixed(2)}，本月累计 8 台，再 2 台进入下一档`
          : `更正：单价由 88.00 改为 95.00，差额 ${amount.toFixed(2)}`,
    });
  };
  for (let n = 1; n <= 64; n += 1) {
    const c = customer[n % 6];
    const s = service_item[n === 6 ? 3 : n % 3];
    const price = c.region ? prices[`${c.region}/${s.id}`] : undefined;
    const quantity = String((n % 5) + 1);
    const state = states[n % 7 === 0 ? 4 : n % 4][0];
    const record = {
      id: `wo-${n}`,
      ...base,
      created_at: at(1 + (n % 25), `0${n % 9}:1${n % 6}`),
      state,
      template: n % 3 ? 'repair' : 'installation',
      number: `WO-${month.replace('-', '')}-${String(n).padStart(5, '0')}`,
      customer: c.id,
      address: '上海市浦东新区张江路 88 号',
      region: c.region,
      tier: n % 2 ? 'a' : 'b',
      service: s.id,
      quantity,
      partner: state === 'draft' ? null : partner[Math.floor(n / 4) % 2].id,
      price: price ? { amount: price, currency: 'CNY' } : null,
      amount: price ? { amount: (Number(price) * Number(quantity)).toFixed(2), currency: 'CNY' } : null,
      pricing: !c.region ? 'region_pending' : price ? 'priced' : 'price_pending',
      scheduled_at: at(1 + (n % 27)),
      finished_at: state === 'completed' ? at(1 + (n % 20), '15:59') : null,
      note: n % 4 ? null : '客户要求上午上门，先电话联系。',
      items: n % 3 === 0 ? [{ id: `it-${n}`, part: '电容', count: 1, cost: { amount: '35.00', currency: 'CNY' } }] : [],
    };
    work_order.push(record);
    if (state === 'completed' && price) {
      const to = record.partner === 'p-1' ? 'st-1' : 'st-2';
      line(`l-${n}`, to, record, 'charge', quantity, price, month, '05');
    }
  }
  work_order.reverse();
  line('l-900', 'st-3', work_order[0], 'charge', '8', '95.00', last, '12');
  line('l-901', 'st-3', work_order[1], 'correction', '2', '7.00', last, '20');
  const history = work_order.map((record) => ({
    id: `h-${record.id}`,
    object: 'work_order',
    record: record.id,
    at: record.created_at,
    actor: { object: 'user', id: 'u-admin', title: '系统管理员' },
    kind: 'created',
    changes: { customer: { old: null, new: record.customer }, quantity: { old: null, new: record.quantity } },
  }));
  const periods = [month, last].map((name, n) => ({
    name,
    from: `${name}-01`,
    to: `${name}-${n ? '31' : '30'}`,
    status: 'open',
    closed_at: null,
    lines: n ? 2 : 11,
    amount: n ? '774.00' : '3210.00',
  }));
  const runs = [
    {
      id: 'run-1',
      plan: 'internal',
      period: month,
      mode: 'commit',
      status: 'completed',
      started_at: at(4),
      finished_at: at(4),
      facts: 22,
      lines: 13,
      reversed: 0,
      unchanged: 9,
      amount: '3210.00',
      currency: 'CNY',
      units: 3,
      failures: [],
      statements: ['st-1', 'st-2'],
    },
  ];

  const titled = (one, chinese) => {
    const { zh, en, ...rest } = one;
    const out = { ...rest, title: chinese ? zh : en };
    if (one.options)
      out.options = one.options.map(([name, cn, english, tone]) => ({
        name,
        title: chinese ? cn : english,
        ...(tone ? { tone } : {}),
      }));
    if (one.item_fields) out.item_fields = one.item_fields.map((inner) => titled(inner, chinese));
    return out;
  };
  function view(name, chinese) {
    const { zh, en, zhs, ens, ...one } = objects[name];
    return {
      ...one,
      title: chinese ? zh : en,
      plural: chinese ? zhs : ens,
      states: (one.states ?? []).map(([state, cn, english, tone]) => ({
        name: state,
        title: chinese ? cn : english,
        tone,
      })),
      fields: one.fields.map((entry) => titled(entry, chinese)),
      templates: (one.templates ?? []).map(([template, cn, english, text, textEn]) => ({
        name: template,
        title: chinese ? cn : english,
        description: chinese ? text : textEn,
        fields: [],
        required: ['customer', 'service', 'quantity'],
        defaults: template === 'inspection' ? { quantity: '2' } : {},
        sections: [
          {
            id: 'who',
            title: chinese ? '客户与地址' : 'Customer and address',
            fields: ['customer', 'address', 'region', 'tier'],
          },
          {
            id: 'what',
            title: chinese ? '服务内容' : 'Service',
            fields: ['service', 'quantity', 'price', 'amount', 'pricing', 'items'],
          },
          {
            id: 'when',
            title: chinese ? '安排' : 'Arrangement',
            fields: ['partner', 'scheduled_at', 'finished_at', 'photos', 'note'],
          },
        ],
      })),
      rights: { create: name !== 'region', update: true, delete: true },
    };
  }
  const menu = (chinese) => [
    { id: 'home', title: chinese ? '首页' : 'Start', page: 'home' },
    { id: 'tasks', title: chinese ? '待办' : 'To-dos', page: 'tasks' },
    {
      id: 'work',
      title: chinese ? '业务' : 'Work',
      children: [
        { id: 'wo', title: chinese ? '工单' : 'Work orders', object: 'work_order', icon: 'tool' },
        { id: 'cu', title: chinese ? '客户' : 'Customers', object: 'customer', icon: 'team' },
        { id: 'pa', title: chinese ? '服务商' : 'Partners', object: 'partner', icon: 'shop' },
      ],
    },
    {
      id: 'settle',
      title: chinese ? '结算' : 'Settlement',
      children: [
        { id: 'st', title: chinese ? '对账单' : 'Statements', page: 'statements' },
        { id: 'ru', title: chinese ? '结算运行' : 'Runs', page: 'runs' },
        { id: 'pe', title: chinese ? '账期' : 'Periods', page: 'periods' },
        { id: 'an', title: chinese ? '经营分析' : 'Analysis', page: 'analysis', icon: 'bar-chart' },
        { id: 'sc', title: chinese ? '阶梯价格' : 'Tiered prices', page: 'schedules', icon: 'stair' },
      ],
    },
    {
      id: 'base',
      title: chinese ? '基础资料' : 'Master data',
      children: [
        { id: 're', title: chinese ? '地区' : 'Regions', object: 'region', icon: 'environment' },
        { id: 'si', title: chinese ? '服务项目' : 'Services', object: 'service_item', icon: 'appstore' },
        { id: 'ex', title: chinese ? '报销' : 'Expenses', object: 'expense', icon: 'dollar' },
      ],
    },
  ];
  const dashboard = (chinese, { todos }) => ({
    name: 'home',
    title: chinese ? '本月概览' : 'This month',
    cards: [
      {
        id: 'revenue',
        title: chinese ? '本月收入' : 'Revenue this month',
        kind: 'number',
        unit: 'CNY',
        data: [{ label: '', value: '1523480.00' }],
      },
      {
        id: 'orders',
        title: chinese ? '完成工单' : 'Orders completed',
        kind: 'number',
        data: [{ label: '', value: 1280 }],
        link: `/records/work_order?filter=${encodeURIComponent(JSON.stringify({ and: [{ state: { eq: 'completed' } }, { finished_at: { this: 'month' } }, { pricing: { ne: 'x' } }] }))}`,
      },
      {
        id: 'todos',
        title: chinese ? '未结待办' : 'Open to-dos',
        kind: 'number',
        data: [{ label: '', value: todos }],
        link: '/tasks',
      },
      {
        id: 'statements',
        title: chinese ? '待出具对账单' : 'Statements to issue',
        kind: 'number',
        data: [{ label: '', value: 2 }],
        link: '/statements',
      },
      {
        id: 'by_region',
        title: chinese ? '本月收入（按地区）' : 'Revenue by region',
        kind: 'bar',
        unit: 'CNY',
        data: [
          ['r-1', '华东', '812400.00'],
          ['r-2', '华北', '436080.00'],
          ['r-3', '华南', '275000.00'],
        ].map(([id, label, value]) => ({ label, value, ref: { object: 'region', id, title: label } })),
      },
      {
        id: 'by_service',
        title: chinese ? '本月收入（按服务项目）' : 'Revenue by service',
        kind: 'pie',
        unit: 'CNY',
        data: [
          ['s-1', '空调维修', '702400.00'],
          ['s-2', '空调安装', '516080.00'],
          ['s-3', '深度清洗', '205000.00'],
          ['s-4', '压缩机更换', '100000.00'],
        ].map(([id, label, value]) => ({ label, value, ref: { object: 'service_item', id, title: label } })),
      },
    ],
  });
  const me = {
    id: 'u-admin',
    login: 'admin',
    name: '系统管理员',
    locale: 'zh-CN',
    tenant: '清风服务',
    time_zone: 'Asia/Shanghai',
    currency: 'CNY',
    roles: ['admin'],
  };
  return {
    today,
    lastMonth: last,
    objects,
    records: { work_order, customer, partner, region, service_item, user, expense: [] },
    deleted: {},
    versions: {},
    comments: [
      {
        id: 'cm-1',
        text: '@admin 客户说下午才在家，能改约吗？',
        author: { object: 'user', id: 'u-li', title: '李伟' },
        mentions: [{ object: 'user', id: 'u-admin', title: '系统管理员' }],
        created_at: at(20),
        edited_at: null,
        record: { object: 'work_order', id: 'wo-4', title: work_order.find((one) => one.id === 'wo-4').number },
        read: false,
      },
    ],
    attachments: [],
    imports: [],
    prices,
    payer,
    statements,
    lines,
    history,
    periods,
    runs,
    view,
    menu,
    dashboard,
    me,
  };
}
