import { useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { wire } from './inputs';
import type { Wiring } from './labelled';

export type Choice = { id: string; title: string; note?: string };

type Props = {
  wiring: Wiring;
  /** What is chosen now, shown while nobody types. */
  chosen: Choice | null;
  choices: Choice[];
  loading?: boolean;
  failed?: string | null;
  onSearch: (text: string) => void;
  onChoose: (choice: Choice | null) => void;
  label?: string;
  disabled?: boolean;
  placeholder?: string;
  /** Stay open and empty after a choice, for choosing several. */
  several?: boolean;
};

/** The listbox pattern of WAI-ARIA: type to search, arrows to move, Enter to take, Escape to leave. */
export function Combobox({
  wiring,
  chosen,
  choices,
  loading,
  failed,
  onSearch,
  onChoose,
  label,
  disabled,
  placeholder,
  several,
}: Props) {
  const { t } = useTranslation('ui');
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const list = useId();
  const panel = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const box = panel.current;
    const from = input.current;
    if (!open || !box || !from) return;
    const place = () => {
      const at = from.getBoundingClientRect();
      box.style.left = `${at.left}px`;
      box.style.width = `${at.width}px`;
      const room = window.innerHeight - at.bottom;
      box.style.top =
        room < 200 && at.top > room ? `${Math.max(8, at.top - 4 - box.offsetHeight)}px` : `${at.bottom + 4}px`;
    };
    box.showPopover?.();
    place();
    window.addEventListener('scroll', place, true);
    return () => window.removeEventListener('scroll', place, true);
  }, [open]);

  const shown = open;
  const option = (at: number) => `${list}-${at}`;
  const start = () => {
    if (disabled || open) return;
    setOpen(true);
    setActive(0);
    onSearch('');
  };
  const leave = () => {
    setOpen(false);
    setTyped(null);
  };
  const take = (choice: Choice | undefined) => {
    if (!choice) return;
    onChoose(choice);
    if (several) {
      setTyped('');
      onSearch('');
    } else leave();
  };
  return (
    <span className="with-button combobox">
      <input
        {...wire(wiring)}
        ref={input}
        className="input"
        role="combobox"
        aria-expanded={shown}
        aria-controls={shown ? list : undefined}
        aria-autocomplete="list"
        aria-activedescendant={shown && choices[active] ? option(active) : undefined}
        aria-label={label}
        autoComplete="off"
        disabled={disabled}
        placeholder={placeholder ?? t('choose')}
        value={typed ?? chosen?.title ?? ''}
        onClick={start}
        onChange={(event) => {
          start();
          setTyped(event.target.value);
          setActive(0);
          onSearch(event.target.value);
        }}
        onBlur={leave}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            if (!open) start();
            else
              setActive((at) => Math.max(0, Math.min(choices.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1))));
          } else if (event.key === 'Enter' && open) {
            event.preventDefault();
            take(choices[active]);
          } else if (event.key === 'Escape' && open) {
            event.preventDefault();
            event.stopPropagation();
            leave();
          }
        }}
      />
      {chosen && !disabled && !several ? (
        <Button
          look="text"
          icon="close"
          aria-label={t('clearChoice', { title: chosen.title })}
          onClick={() => onChoose(null)}
        />
      ) : null}
      {shown ? (
        <div ref={panel} popover="manual" className="popover combobox-list">
          {failed ? <p className="combobox-note">{failed}</p> : null}
          {!failed && loading && choices.length === 0 ? <p className="combobox-note">{t('loading')}</p> : null}
          {!failed && !loading && choices.length === 0 ? <p className="combobox-note">{t('nothingFound')}</p> : null}
          <div role="listbox" id={list} aria-label={label ?? t('choices')}>
            {choices.map((choice, at) => (
              // biome-ignore lint/a11y/useFocusableInteractive: the combobox keeps focus and points here
              <div
                key={choice.id}
                id={option(at)}
                role="option"
                aria-selected={choice.id === chosen?.id}
                className={`option${at === active ? ' option-active' : ''}`}
                onPointerDown={(event) => {
                  event.preventDefault();
                  take(choice);
                }}
                onPointerMove={() => setActive(at)}
              >
                <span>{choice.title}</span>
                {choice.note ? <span className="option-note">{choice.note}</span> : null}
              </div>
            ))}
          </div>
        </div>
      ) : null}
    </span>
  );
}
