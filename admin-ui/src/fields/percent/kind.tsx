import { useTranslation } from 'react-i18next';
import { asDecimal, percentToRatio, ratioToPercent } from '../../lib/decimal';
import { formatPercent } from '../../lib/format';
import { DecimalInput } from '../../ui/inputs';
import { rangeFilter } from '../filters';
import type { EditProps, FieldKind } from '../kind';

/** A ratio on the wire (`0.06`), a percentage on the screen (`6%`). */
function Edit({ value, onChange, wiring, label }: EditProps) {
  const { t } = useTranslation('fields');
  const ratio = asDecimal(value);
  return (
    <span className="with-unit">
      <DecimalInput
        wiring={wiring}
        label={label}
        value={ratio === null ? ((value as string | null) ?? null) : ratioToPercent(ratio)}
        onChange={(typed) => onChange(typed !== null && asDecimal(typed) !== null ? percentToRatio(typed) : typed)}
      />
      <span className="unit">{t('percentSign')}</span>
    </span>
  );
}
export const percent: FieldKind = {
  Edit,
  Read: ({ value }) => <span className="num">{formatPercent(value)}</span>,
  filter: rangeFilter,
  end: true,
  sortable: true,
};
