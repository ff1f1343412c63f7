import i18next from 'i18next';
import type { FieldView, ObjectView, SectionView } from '../api/contract/objects';
import { kindOf } from './registry';

/** What every object has, where its ObjectView does not list it itself. */
function systemFields(view: ObjectView): FieldView[] {
  const title = (name: string) => i18next.t(`fields:system.${name}`);
  const fixed = { system: true, read_only: true };
  const moments: FieldView[] = ['created_at', 'updated_at'].map((name) => ({
    name,
    title: title(name),
    type: 'date_time',
    ...fixed,
  }));
  const people: FieldView[] = ['created_by', 'updated_by', 'owner'].map((name) => ({
    name,
    title: title(name),
    type: 'user',
    ...fixed,
  }));
  const states: FieldView[] = view.states?.length
    ? [{ name: 'state', title: title('state'), type: 'state', options: view.states, ...fixed }]
    : [];
  const templates: FieldView[] = view.templates?.length
    ? [{ name: 'template', title: title('template'), type: 'choice', options: view.templates, ...fixed }]
    : [];
  return [...states, ...templates, ...moments, ...people];
}

/** The object's own fields, then the system's, each once and with options where states or templates give them. */
export function allFields(view: ObjectView): FieldView[] {
  const known = systemFields(view);
  const own = view.fields.map((field) => {
    const same = known.find((one) => one.name === field.name);
    if (!same) return field;
    return {
      ...same,
      ...field,
      type: same.type,
      options: field.options?.length ? field.options : same.options,
      system: true,
    };
  });
  return [...own, ...known.filter((field) => !own.some((one) => one.name === field.name))];
}

export function fieldOf(view: ObjectView, name: string): FieldView | undefined {
  return allFields(view).find((field) => field.name === name);
}

export function isEditable(field: FieldView): boolean {
  return !field.read_only && !field.formula && !field.system && kindOf(field.type).Edit !== undefined;
}

export type Section = { id: string; title: string; fields: FieldView[] };

/** The sections of a record's template, what no section names in one more; an object without templates has one. */
export function sectionsOf(view: ObjectView, template: string | null | undefined, rest: 'keep' | 'drop'): Section[] {
  const own = view.fields.filter(
    (field) => !field.system && !['id', 'version', 'state', 'template'].includes(field.name),
  );
  const chosen = view.templates?.find((one) => one.name === template);
  const sections: SectionView[] = chosen?.sections ?? [];
  if (sections.length === 0) {
    const listed = chosen?.fields?.length
      ? own.filter((field) => chosen.fields?.includes(field.name))
      : own.filter((field) => !field.hidden);
    return [{ id: 'main', title: i18next.t('fields:section.main'), fields: listed }];
  }
  const named = new Set(sections.flatMap((section) => section.fields));
  const drawn = sections.map((section) => ({
    id: section.id,
    title: section.title,
    fields: section.fields
      .map((name) => own.find((field) => field.name === name))
      .filter((field) => field !== undefined),
  }));
  const others = own.filter((field) => !named.has(field.name) && !field.hidden);
  if (rest === 'keep' && others.length > 0)
    drawn.push({ id: 'others', title: i18next.t('fields:section.others'), fields: others });
  return drawn.filter((section) => section.fields.length > 0);
}

export function currencyOf(field: FieldView, fallback: string): string | undefined {
  if (field.type !== 'money') return undefined;
  return field.currency && /^[A-Z]{3}$/.test(field.currency) ? field.currency : fallback;
}
