import { type ReactNode, useEffect } from 'react';

/** The bar under the top of every page: where am I, what can I do. Also names the browser tab. */
export function PageHeader({
  title,
  before,
  after,
  actions,
  tab,
}: {
  title: string;
  before?: ReactNode;
  after?: ReactNode;
  actions?: ReactNode;
  tab?: string;
}) {
  useEffect(() => {
    document.title = `${tab ?? title} · Packwork`;
  }, [tab, title]);
  return (
    <header className="page-head">
      <div className="page-title">
        {before}
        <h1 tabIndex={-1}>{title}</h1>
        {after}
      </div>
      {actions ? <div className="page-actions">{actions}</div> : null}
    </header>
  );
}

export function Card({
  title,
  actions,
  children,
  className,
  id,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  id?: string;
}) {
  return (
    <section className={`card${className ? ` ${className}` : ''}`} aria-labelledby={title && id ? id : undefined}>
      {title ? (
        <div className="card-head">
          <h2 id={id}>{title}</h2>
          {actions}
        </div>
      ) : null}
      {children}
    </section>
  );
}

export type Tone = 'neutral' | 'info' | 'success' | 'warning' | 'danger';

/** Status by text and shape, not by colour alone. */
export function StatusTag({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`tag tag-${tone}`}>{children}</span>;
}

export type Tab = { id: string; title: string; count?: string };

export function Tabs({
  tabs,
  active,
  onChange,
  label,
}: {
  tabs: Tab[];
  active: string;
  onChange: (id: string) => void;
  label: string;
}) {
  return (
    <div className="tabs" role="tablist" aria-label={label}>
      {tabs.map((tab, at) => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          id={`tab-${tab.id}`}
          aria-selected={tab.id === active}
          aria-controls={tab.id === active ? `panel-${tab.id}` : undefined}
          tabIndex={tab.id === active ? 0 : -1}
          onClick={() => onChange(tab.id)}
          onKeyDown={(event) => {
            const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
            const next = step ? tabs[(at + step + tabs.length) % tabs.length] : undefined;
            if (!next) return;
            onChange(next.id);
            document.getElementById(`tab-${next.id}`)?.focus();
          }}
        >
          {tab.title}
          {tab.count ? <span className="tab-count">{tab.count}</span> : null}
        </button>
      ))}
    </div>
  );
}
