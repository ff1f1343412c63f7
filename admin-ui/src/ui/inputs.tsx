import { type InputHTMLAttributes, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { groupDigits, readDecimal } from '../lib/decimal';
import { addDays, isDay, readDay, readTime } from '../lib/zone';
import { Button } from './button';
import { Icon } from './icon';
import type { Wiring } from './labelled';
import { Popover } from './popover';

export function wire(wiring: Wiring): InputHTMLAttributes<HTMLInputElement> {
  return {
    id: wiring.id,
    'aria-describedby': wiring.describedBy,
    'aria-invalid': wiring.invalid,
    'aria-required': wiring.required,
  };
}

type TypedProps<T> = {
  wiring: Wiring;
  value: T | null;
  onChange: (value: T | null) => void;
  disabled?: boolean;
  label?: string;
};

/** A decimal typed as people type it (separators, full-width digits), handed on as plain decimal text. */
export function DecimalInput({
  wiring,
  value,
  onChange,
  disabled,
  label,
  whole,
}: TypedProps<string> & { whole?: boolean }) {
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (value === null ? '' : groupDigits(value));
  return (
    <input
      {...wire(wiring)}
      className="input input-number"
      inputMode={whole ? 'numeric' : 'decimal'}
      autoComplete="off"
      aria-label={label}
      disabled={disabled}
      value={shown}
      onFocus={() => setTyped(value ?? '')}
      onBlur={() => setTyped(null)}
      onChange={(event) => {
        const text = event.target.value;
        setTyped(text);
        if (text.trim() === '') onChange(null);
        else onChange(readDecimal(text) ?? text); // what cannot be read goes on as typed; the server says what is wrong
      }}
    />
  );
}

/** A calendar day: typed in any usual form or picked. Always shown as 2026-06-30, in no zone. */
export function DateInput({
  wiring,
  value,
  onChange,
  disabled,
  label,
  today,
}: TypedProps<string> & { today?: string }) {
  const { t } = useTranslation('ui');
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <span className="with-button">
      <input
        {...wire(wiring)}
        className="input"
        placeholder={t('date.pattern')}
        autoComplete="off"
        inputMode="numeric"
        aria-label={label}
        disabled={disabled}
        value={typed ?? value ?? ''}
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          if (text.trim() === '') onChange(null);
          else {
            const day = readDay(text);
            if (day) onChange(day);
          }
        }}
        onBlur={() => {
          if (typed !== null && typed.trim() !== '' && !readDay(typed)) onChange(typed);
          setTyped(null);
        }}
      />
      {disabled ? null : (
        <Popover label="" icon="calendar" name={t('date.pick')} className="btn btn-text btn-icon" align="end">
          {(close) => (
            <Calendar
              value={value}
              today={today}
              onPick={(day) => {
                onChange(day);
                setTyped(null);
                close();
              }}
            />
          )}
        </Popover>
      )}
    </span>
  );
}

function Calendar({
  value,
  today,
  onPick,
}: {
  value: string | null;
  today?: string;
  onPick: (day: string | null) => void;
}) {
  const { t, i18n } = useTranslation('ui');
  const now = today ?? new Date().toISOString().slice(0, 10);
  const [cursor, setCursor] = useState(value && isDay(value) ? value : now);
  const [moved, setMoved] = useState(false);
  const month = cursor.slice(0, 7);
  const first = `${month}-01`;
  const weekday = (new Date(`${first}T00:00:00Z`).getUTCDay() + 6) % 7;
  const start = addDays(first, -weekday);
  const days = Array.from({ length: 42 }, (_, at) => addDays(start, at));
  const name = (options: Intl.DateTimeFormatOptions, day: string) =>
    new Intl.DateTimeFormat(i18n.language, { ...options, timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`));
  const move = (day: string) => {
    setCursor(day);
    setMoved(true);
  };
  const shift = (months: number) => {
    const at = new Date(`${first}T00:00:00Z`);
    at.setUTCMonth(at.getUTCMonth() + months);
    setCursor(at.toISOString().slice(0, 10));
  };
  useEffect(() => {
    if (moved) document.getElementById(`day-${cursor}`)?.focus();
  }, [cursor, moved]);
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  return (
    <div className="calendar">
      <div className="calendar-head">
        <Button look="text" icon="left" aria-label={t('date.previousMonth')} onClick={() => shift(-1)} />
        <span aria-live="polite">{name({ year: 'numeric', month: 'long' }, first)}</span>
        <Button look="text" icon="right" aria-label={t('date.nextMonth')} onClick={() => shift(1)} />
      </div>
      <div className="calendar-grid" aria-hidden="true">
        {days.slice(0, 7).map((day) => (
          <span key={day} className="calendar-week">
            {name({ weekday: 'narrow' }, day)}
          </span>
        ))}
      </div>
      <div className="calendar-grid">
        {days.map((day) => (
          <button
            key={day}
            id={`day-${day}`}
            type="button"
            tabIndex={day === cursor ? 0 : -1}
            aria-label={name({ dateStyle: 'full' }, day)}
            aria-pressed={day === value}
            aria-current={day === now ? 'date' : undefined}
            className={`calendar-day${day.slice(0, 7) === month ? '' : ' calendar-other'}`}
            onClick={() => onPick(day)}
            onKeyDown={(event) => {
              const step = steps[event.key];
              if (!step) return;
              event.preventDefault();
              move(addDays(day, step));
            }}
          >
            {Number(day.slice(8))}
          </button>
        ))}
      </div>
      <div className="calendar-foot">
        <Button look="text" onClick={() => onPick(now)}>
          {t('date.today')}
        </Button>
        <Button look="text" onClick={() => onPick(null)}>
          {t('clear')}
        </Button>
      </div>
    </div>
  );
}

/** A time of day, 24 hours, typed. */
export function TimeInput({ wiring, value, onChange, disabled, label }: TypedProps<string>) {
  const { t } = useTranslation('ui');
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <input
      {...wire(wiring)}
      className="input input-time"
      placeholder={t('date.timePattern')}
      autoComplete="off"
      inputMode="numeric"
      aria-label={label}
      disabled={disabled}
      value={typed ?? value ?? ''}
      onChange={(event) => {
        const text = event.target.value;
        setTyped(text);
        if (text.trim() === '') onChange(null);
        else {
          const time = readTime(text);
          if (time) onChange(time);
        }
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

export function SearchInput({
  value,
  onChange,
  label,
  id,
}: {
  value: string;
  onChange: (value: string) => void;
  label: string;
  id?: string;
}) {
  const { t } = useTranslation('ui');
  return (
    <span className="search">
      <Icon name="search" size={16} />
      <input
        id={id}
        type="search"
        className="input"
        value={value}
        placeholder={label}
        aria-label={label}
        onChange={(event) => onChange(event.target.value)}
      />
      {value ? <Button look="text" icon="close" aria-label={t('clear')} onClick={() => onChange('')} /> : null}
    </span>
  );
}
