import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecordData } from '../../api/contract/records';
import { searchQuery } from '../../api/queries';

type Props = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Ctrl+Enter. */
  onSend: () => void;
  /** Escape, when no list is open. */
  onLeave?: () => void;
  focus?: boolean;
};

/** What stands between an `@` and the cursor; null when nobody is being named. */
export function namedAt(text: string, cursor: number): string | null {
  return /(?:^|[^\w.@-])@([\w.\u4e00-\u9fff-]{0,40})$/.exec(text.slice(0, cursor))?.[1] ?? null;
}

/** A text in which `@` offers people: type on to narrow, arrows to move, Enter or Tab to take. */
export function MentionInput({ label, value, onChange, onSend, onLeave, focus }: Props) {
  const { t } = useTranslation('records');
  const area = useRef<HTMLTextAreaElement>(null);
  const list = useId();
  /** Where the caret goes with the text that is written next. */
  const caret = useRef<number | null>(null);
  const [asked, setAsked] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const search = useDeferredValue(asked);
  const found = useQuery({ ...searchQuery('user', search ?? ''), enabled: search !== null, retry: false });
  const people = (asked === null ? [] : (found.data?.data ?? []))
    .filter((person): person is RecordData & { login: string } => typeof person.login === 'string')
    .slice(0, 8);
  const open = asked !== null && (people.length > 0 || found.isSuccess);
  useEffect(() => {
    const box = area.current;
    if (!focus || !box) return;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }, [focus]);
  // With the text and not a frame later: what is typed meanwhile would come out in another order.
  useLayoutEffect(() => {
    const box = area.current;
    if (caret.current === null || !box) return;
    box.focus();
    box.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });

  const look = (text: string, cursor: number) => {
    setAsked(namedAt(text, cursor));
    setActive(0);
  };
  const take = (person: { login: string } | undefined) => {
    const box = area.current;
    if (!box || !person || asked === null) return;
    const from = box.selectionStart - asked.length;
    const before = `${value.slice(0, from)}${person.login} `;
    onChange(before + value.slice(box.selectionStart).replace(/^ /, ''));
    setAsked(null);
    caret.current = before.length;
  };
  return (
    <div className="mention-input">
      <textarea
        ref={area}
        className="input textarea"
        rows={3}
        aria-label={label}
        placeholder={label}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={open ? list : undefined}
        aria-activedescendant={open && people[active] ? `${list}-${active}` : undefined}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
          look(event.target.value, event.target.selectionStart);
        }}
        onClick={(event) => look(value, event.currentTarget.selectionStart)}
        onBlur={() => setAsked(null)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            onSend();
          } else if (open && people.length > 0 && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
            event.preventDefault();
            setActive((at) => (at + (event.key === 'ArrowDown' ? 1 : people.length - 1)) % people.length);
          } else if (open && people[active] && (event.key === 'Enter' || event.key === 'Tab')) {
            event.preventDefault();
            take(people[active]);
          } else if (event.key === 'Escape') {
            if (asked !== null) {
              event.stopPropagation();
              setAsked(null);
            } else onLeave?.();
          }
        }}
      />
      {open ? (
        <div className="mention-list" role="listbox" id={list} aria-label={t('comments.people')}>
          {people.length === 0 ? <p className="combobox-note">{t('comments.nobody')}</p> : null}
          {people.map((person, at) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the text keeps focus and points here
            <div
              key={person.id}
              id={`${list}-${at}`}
              role="option"
              aria-selected={at === active}
              className={`option${at === active ? ' option-active' : ''}`}
              onPointerDown={(event) => {
                event.preventDefault();
                take(person);
              }}
            >
              <span>{person._title ?? person.login}</span>
              <span className="option-note">@{person.login}</span>
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}
