import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldView, ObjectView } from '../../api/contract/objects';
import type { Refs } from '../../api/contract/records';
import type { Stale } from '../../api/problems';
import { fieldOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { isBlank } from '../../lib/format';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';

export type Picks = Record<string, 'mine' | 'theirs'>;
type Props = {
  view: ObjectView;
  stale: Stale;
  refs?: Refs;
  busy: boolean;
  onSettle: (picks: Picks) => void;
  onClose: () => void;
};

/** Two people changed one record: what it was, both new values side by side, and the person decides field by field. */
export function ConflictDialog({ view, stale, refs, busy, onSettle, onClose }: Props) {
  const { t } = useTranslation('records');
  const names = Object.keys(stale.fields);
  const all = (pick: 'mine' | 'theirs'): Picks => Object.fromEntries(names.map((name) => [name, pick]));
  const [picks, setPicks] = useState<Picks>(() => all('mine'));
  return (
    <Dialog
      title={t('conflict.title')}
      wide
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('conflict.back')}</Button>
          <Button look="primary" busy={busy} onClick={() => onSettle(picks)}>
            {t('conflict.settle')}
          </Button>
        </>
      }
    >
      <p>{names.length > 0 ? t('conflict.text') : t('conflict.other')}</p>
      {names.length > 1 ? (
        <div className="conflict-all">
          <Button onClick={() => setPicks(all('mine'))}>{t('conflict.allMine')}</Button>
          <Button onClick={() => setPicks(all('theirs'))}>{t('conflict.allTheirs')}</Button>
        </div>
      ) : null}
      {names.map((name) => {
        const field = fieldOf(view, name) ?? { name, title: name, type: 'text' };
        const side = stale.fields[name];
        return (
          <fieldset key={name} className="conflict-field">
            <legend>{field.title}</legend>
            <p className="conflict-base">
              <span className="conflict-side">{t('conflict.base')}</span>
              <SideValue field={field} value={side?.base} refs={refs} />
            </p>
            {(['mine', 'theirs'] as const).map((pick) => (
              <label key={pick} className="conflict-pick" data-chosen={picks[name] === pick || undefined}>
                <input
                  type="radio"
                  name={`conflict-${name}`}
                  checked={picks[name] === pick}
                  onChange={() => setPicks({ ...picks, [name]: pick })}
                />
                <span className="conflict-side">{t(`conflict.${pick}`)}</span>
                <SideValue field={field} value={pick === 'mine' ? side?.yours : side?.theirs} refs={refs} />
              </label>
            ))}
          </fieldset>
        );
      })}
    </Dialog>
  );
}

function SideValue({ field, value, refs }: { field: FieldView; value: unknown; refs?: Refs }) {
  const { t } = useTranslation('records');
  const { Read, Cell = Read } = kindOf(field.type);
  if (isBlank(value)) return <span className="muted">{t('conflict.blank')}</span>;
  return (
    <span className="conflict-value">
      <Cell field={field} value={value} refs={refs} />
    </span>
  );
}
