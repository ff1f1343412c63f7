import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ObjectView } from '../../api/contract/objects';
import type { Refs } from '../../api/contract/records';
import type { Stale } from '../../api/problems';
import { fieldOf } from '../../fields/object';
import { kindOf } from '../../fields/registry';
import { Button } from '../../ui/button';

export type Picks = Record<string, 'mine' | 'theirs'>;
type Props = { view: ObjectView; stale: Stale; refs?: Refs; onSettle: (picks: Picks) => void };

/** Two people changed one record: both values, side by side, and the person decides field by field. */
export function ConflictNotice({ view, stale, refs, onSettle }: Props) {
  const { t } = useTranslation('records');
  const names = Object.keys(stale.fields);
  const [picks, setPicks] = useState<Picks>(() => Object.fromEntries(names.map((name) => [name, 'mine'])));
  return (
    <section className="notice notice-warning conflict" role="alert" aria-label={t('conflict.title')}>
      <h2>{t('conflict.title')}</h2>
      <p>{names.length > 0 ? t('conflict.text') : t('conflict.other')}</p>
      {names.map((name) => {
        const field = fieldOf(view, name) ?? { name, title: name, type: 'text' };
        const kind = kindOf(field.type);
        const Cell = kind.Cell ?? kind.Read;
        const side = stale.fields[name];
        return (
          <fieldset key={name} className="conflict-field">
            <legend>{field.title}</legend>
            {(['mine', 'theirs'] as const).map((pick) => (
              <label key={pick} className="check">
                <input
                  type="radio"
                  name={`conflict-${name}`}
                  checked={picks[name] === pick}
                  onChange={() => setPicks({ ...picks, [name]: pick })}
                />
                <span className="conflict-side">{t(`conflict.${pick}`)}</span>
                <Cell field={field} value={pick === 'mine' ? side?.yours : side?.theirs} refs={refs} />
              </label>
            ))}
          </fieldset>
        );
      })}
      <div className="conflict-foot">
        {names.length > 1 ? (
          <>
            <Button onClick={() => setPicks(Object.fromEntries(names.map((name) => [name, 'mine'])))}>
              {t('conflict.allMine')}
            </Button>
            <Button onClick={() => setPicks(Object.fromEntries(names.map((name) => [name, 'theirs'])))}>
              {t('conflict.allTheirs')}
            </Button>
          </>
        ) : null}
        <Button look="primary" onClick={() => onSettle(picks)}>
          {t('conflict.settle')}
        </Button>
      </div>
    </section>
  );
}
