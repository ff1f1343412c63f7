import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../api/contract/objects';
import type { Refs } from '../api/contract/records';
import { isBlank } from '../lib/format';
import { Labelled } from '../ui/labelled';
import { Card } from '../ui/layout';
import { isEditable, type Section } from './object';
import { kindOf } from './registry';

export type Values = Record<string, unknown>;

type FieldsProps = {
  fields: FieldView[];
  required: ReadonlySet<string>;
  values: Values;
  refs?: Refs;
  errors: Record<string, string>;
  onChange: (name: string, value: unknown) => void;
  /** Computed values are shown when they exist already, and announced when they do not. */
  fresh?: boolean;
};

/** The fields of one group, drawn from their types. */
export function FormFields({ fields, required, values, refs, errors, onChange, fresh }: FieldsProps) {
  const { t } = useTranslation('fields');
  return (
    <div className="form-grid">
      {fields.map((field) => {
        const kind = kindOf(field.type);
        if (!isEditable(field) || !kind.Edit) {
          return (
            <div key={field.name} className={`field${kind.full ? ' field-full' : ''}`}>
              <span className="field-label">{field.title}</span>
              <div className="computed">
                {fresh && isBlank(values[field.name]) ? (
                  <span className="muted">{t('computedLater')}</span>
                ) : (
                  <kind.Read field={field} value={values[field.name]} refs={refs} />
                )}
              </div>
            </div>
          );
        }
        const { Edit } = kind;
        return (
          <Labelled
            key={field.name}
            label={field.title}
            required={required.has(field.name)}
            help={field.help}
            error={errors[field.name]}
            full={kind.full}
            group={kind.group}
            path={field.name}
          >
            {(wiring) => (
              <Edit
                field={field}
                value={values[field.name]}
                refs={refs}
                wiring={wiring}
                errors={below(errors, field.name)}
                onChange={(value) => onChange(field.name, value)}
              />
            )}
          </Labelled>
        );
      })}
    </div>
  );
}

export function RecordForm({ sections, ...rest }: Omit<FieldsProps, 'fields'> & { sections: Section[] }) {
  return sections.map((section) => (
    <Card key={section.id} title={section.title} id={`section-${section.id}`}>
      <FormFields {...rest} fields={section.fields} />
    </Card>
  ));
}

function below(errors: Record<string, string>, name: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [path, text] of Object.entries(errors))
    if (path.startsWith(`${name}/`)) found[path.slice(name.length + 1)] = text;
  return found;
}

/** What must be filled in: by the object, by the template. */
export function requiredFields(view: ObjectView, template: string | null | undefined): Set<string> {
  const chosen = view.templates?.find((one) => one.name === template);
  return new Set([
    ...view.fields.filter((field) => field.required).map((field) => field.name),
    ...(chosen?.required ?? []),
  ]);
}

/** Errors the form can see by itself, so nobody waits for the server to hear of an empty field. */
export function missing(
  fields: FieldView[],
  required: ReadonlySet<string>,
  values: Values,
  text: string,
): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const field of fields) {
    if (!isEditable(field)) continue;
    if (required.has(field.name) && isBlank(values[field.name])) errors[field.name] = text;
    for (const [at, row] of field.type === 'items' && Array.isArray(values[field.name])
      ? (values[field.name] as Values[]).entries()
      : []) {
      for (const column of field.item_fields ?? []) {
        if (column.required && isEditable(column) && isBlank(row[column.name]))
          errors[`${field.name}/${at}/${column.name}`] = text;
      }
    }
  }
  return errors;
}

/** Brings the first field with an error into sight and into focus. */
export function focusFirstError(errors: Record<string, string>): void {
  const bad = [...document.querySelectorAll<HTMLElement>('[data-path]')].find(
    (element) => errors[element.dataset.path ?? ''],
  );
  const control = bad?.querySelector<HTMLElement>('input, select, textarea, button');
  bad?.scrollIntoView?.({ block: 'center' });
  control?.focus({ preventScroll: true });
}
