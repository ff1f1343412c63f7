import { type ReactNode, useId } from 'react';
import { useTranslation } from 'react-i18next';

export type Wiring = { id: string; describedBy?: string; invalid?: true; required?: true };

type Props = {
  label: string;
  required?: boolean;
  help?: string | null;
  error?: string | null;
  full?: boolean;
  path?: string;
  /** The control is a group (checkboxes, rows): the label names it instead of pointing to it. */
  group?: boolean;
  children: (wiring: Wiring) => ReactNode;
};

/** A label, its control, its help and its error, tied together for everyone. */
export function Labelled({ label, required, help, error, full, path, group, children }: Props) {
  const { t } = useTranslation('ui');
  const id = useId();
  const described = [help ? `${id}-help` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined;
  const mark = required ? (
    <span className="required" title={t('required')} aria-hidden="true">
      *
    </span>
  ) : null;
  const body = (
    <>
      {children({
        id,
        describedBy: described,
        invalid: error ? true : undefined,
        required: required ? true : undefined,
      })}
      {help ? (
        <p className="field-help" id={`${id}-help`}>
          {help}
        </p>
      ) : null}
      {error ? (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      ) : null}
    </>
  );
  const className = `field${full ? ' field-full' : ''}${error ? ' field-bad' : ''}`;
  if (group) {
    return (
      <fieldset className={className} data-path={path} aria-describedby={described}>
        <legend className="field-label">
          {label}
          {mark}
        </legend>
        {body}
      </fieldset>
    );
  }
  return (
    <div className={className} data-path={path}>
      <label className="field-label" htmlFor={id}>
        {label}
        {mark}
      </label>
      {body}
    </div>
  );
}
