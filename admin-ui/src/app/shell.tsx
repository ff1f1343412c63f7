import { useMutation } from '@tanstack/react-query';
import { Link, useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { call, session } from '../api/client';
import type { Me, MenuItem } from '../api/contract/session';
import { problemText } from '../api/problems';
import { Inbox } from '../features/mentions/inbox';
import { useOnline, usePhone } from '../lib/use-media';
import { Button } from '../ui/button';
import { isTyping } from '../ui/data-table';
import { Dialog } from '../ui/dialog';
import { Icon, type IconName } from '../ui/icon';
import { Popover } from '../ui/popover';
import { toast } from '../ui/toasts';
import { Brand } from './brand';
import { LanguageSwitch } from './language-switch';

const PAGES: Record<string, { to: string; icon: IconName }> = {
  home: { to: '/', icon: 'home' },
  statements: { to: '/statements', icon: 'statements' },
  periods: { to: '/periods', icon: 'periods' },
  runs: { to: '/runs', icon: 'runs' },
  analysis: { to: '/analysis', icon: 'chart' },
  schedules: { to: '/schedules', icon: 'steps' },
  tasks: { to: '/tasks', icon: 'tasks' },
  imports: { to: '/imports', icon: 'upload' },
};

/** Names of icons as menus in packs write them; a menu without one gets a plain list. */
const ICONS: Record<string, IconName> = {
  'account-book': 'book',
  apartment: 'tree',
  appstore: 'box',
  'bar-chart': 'chart',
  bank: 'bank',
  calendar: 'calendar',
  'check-square': 'check',
  'column-width': 'ruler',
  dollar: 'money',
  environment: 'pin',
  'file-done': 'tasks',
  'file-text': 'statements',
  global: 'globe',
  home: 'home',
  'pay-circle': 'coin',
  rise: 'rise',
  shop: 'shop',
  stair: 'steps',
  sync: 'runs',
  team: 'team',
  tool: 'tool',
  user: 'user',
};

export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const { t } = useTranslation('app');
  const phone = usePhone();
  const online = useOnline();
  const [menu, setMenu] = useState(false);
  const [keys, setKeys] = useState(false);
  const { pathname } = useLocation();
  useFocusOnMove(pathname);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (
        event.key !== '?' ||
        event.ctrlKey ||
        event.metaKey ||
        isTyping(event.target) ||
        document.querySelector('dialog[open]')
      )
        return;
      event.preventDefault();
      setKeys(true);
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, []);
  const nav = <Nav me={me} onGo={() => setMenu(false)} />;
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <header className="topbar">
        {phone ? (
          <Button look="text" icon="menu" aria-label={t('menu')} aria-haspopup="dialog" onClick={() => setMenu(true)} />
        ) : null}
        <Link to="/" className="brand-link" aria-label={t('toHome')}>
          <Brand tenant={phone ? undefined : me.tenant} />
        </Link>
        <div className="topbar-end">
          {phone ? null : <LanguageSwitch />}
          {phone ? null : (
            <Button
              look="text"
              icon="keys"
              aria-label={t('keys.title')}
              title={t('keys.hint')}
              onClick={() => setKeys(true)}
            />
          )}
          <Inbox />
          <UserMenu me={me} phone={phone} />
        </div>
      </header>
      {online ? null : (
        <p className="offline" role="alert">
          <Icon name="offline" size={16} />
          {t('offline')}
        </p>
      )}
      <div className="shell-body">
        {phone ? null : <aside className="sidebar">{nav}</aside>}
        <main id="main" className="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      {menu ? (
        <Dialog title={t('menu')} onClose={() => setMenu(false)}>
          {nav}
        </Dialog>
      ) : null}
      {keys ? <Keys onClose={() => setKeys(false)} /> : null}
    </div>
  );
}

/** After a move to another page, readers and keyboards start at its heading. */
function useFocusOnMove(pathname: string) {
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    const timer = setTimeout(() => {
      if (
        document.activeElement &&
        document.activeElement !== document.body &&
        document.activeElement.closest('.main, .dock, dialog')
      )
        return;
      (document.querySelector<HTMLElement>('.main h1') ?? document.getElementById('main'))?.focus({
        preventScroll: true,
      });
    }, 50);
    return () => clearTimeout(timer);
  }, [pathname]);
}

function Nav({ me, onGo }: { me: Me; onGo: () => void }) {
  const { t } = useTranslation('app');
  return (
    <nav className="nav" aria-label={t('mainMenu')}>
      <NavList items={me.menu} onGo={onGo} />
    </nav>
  );
}

function NavList({ items, onGo }: { items: MenuItem[]; onGo: () => void }) {
  return (
    <ul>
      {items.map((item) =>
        item.children?.length ? (
          <li key={item.id}>
            <p className="nav-group">{item.title}</p>
            <NavList items={item.children} onGo={onGo} />
          </li>
        ) : (
          <li key={item.id}>
            <NavItem item={item} onGo={onGo} />
          </li>
        ),
      )}
    </ul>
  );
}

function NavItem({ item, onGo }: { item: MenuItem; onGo: () => void }) {
  const { pathname } = useLocation();
  const page = item.page ? PAGES[item.page] : undefined;
  const to = item.object ? `/records/${encodeURIComponent(item.object)}` : page?.to;
  if (!to) return null; // a page of a newer server
  const here = to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(`${to}/`);
  return (
    <Link
      to={to}
      className="nav-item"
      aria-current={here ? 'page' : undefined}
      data-here={here || undefined}
      activeProps={{}}
      onClick={onGo}
    >
      <Icon name={ICONS[item.icon ?? ''] ?? page?.icon ?? 'list'} size={16} />
      <span>{item.title}</span>
    </Link>
  );
}

function UserMenu({ me, phone }: { me: Me; phone: boolean }) {
  const { t } = useTranslation('app');
  const leave = useMutation({
    mutationFn: async () => {
      session.known = false;
      await call('DELETE', '/session');
    },
    onSuccess: () => location.assign('/'),
    onError: (error) => {
      session.known = true;
      toast(problemText(error), { tone: 'danger' });
    },
  });
  return (
    <Popover
      align="end"
      className="btn btn-text user"
      name={t('userMenu', { name: me.name })}
      caret={!phone}
      label={
        <>
          <span className="avatar" aria-hidden="true">
            {[...me.name][0]?.toUpperCase()}
          </span>
          {phone ? null : <span>{me.name}</span>}
        </>
      }
    >
      {() => (
        <div className="user-panel">
          <p className="user-name">{me.name}</p>
          <p className="muted">{me.login}</p>
          <p className="muted">{t('zone', { zone: me.time_zone })}</p>
          {phone ? <LanguageSwitch /> : null}
          <Button className="btn-wide" busy={leave.isPending} onClick={() => leave.mutate()}>
            {t('signOut')}
          </Button>
        </div>
      )}
    </Popover>
  );
}

function Keys({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('app');
  const keys: [string[], string][] = [
    [['j', '↓'], t('keys.next')],
    [['k', '↑'], t('keys.previous')],
    [['Enter'], t('keys.open')],
    [['/'], t('keys.search')],
    [['Ctrl', 'S'], t('keys.save')],
    [['Esc'], t('keys.close')],
    [['?'], t('keys.help')],
  ];
  return (
    <Dialog title={t('keys.title')} onClose={onClose}>
      <dl className="keys">
        {keys.map(([names, text]) => (
          <div key={text}>
            <dt>
              {names.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
