import { expect, test } from 'vitest';
import { readMinutes } from './duration/kind';
import { moneyParts } from './money/kind';
import { FIELD_TYPES, kindOf } from './registry';

const ENGINE_TYPES =
  `text long_text rich_text integer decimal percent money boolean date date_time time duration choice choices
  reference references items attachment image email phone url address location user department sequence rollup json`.split(
    /\s+/,
  );

test('every field type of the engine has a kind', () => {
  expect(ENGINE_TYPES.filter((type) => !FIELD_TYPES.includes(type))).toEqual([]);
});

test.each(FIELD_TYPES)('%s can be read, and written unless the system computes it', (type) => {
  const kind = kindOf(type);
  expect(kind.Read).toBeTypeOf('function');
  expect(kind.Edit !== undefined).toBe(!['state', 'sequence', 'rollup'].includes(type));
});

test('an unknown type is text', () => expect(kindOf('from_the_future')).toBe(kindOf('text')));

test('money is read with its currency, or with that of its field', () => {
  expect(moneyParts({ amount: '1.00', currency: 'USD' }, 'CNY')).toEqual({ amount: '1.00', currency: 'USD' });
  expect(moneyParts('1.00', 'CNY')).toEqual({ amount: '1.00', currency: 'CNY' });
  expect(moneyParts(null, 'currency')).toEqual({ amount: null, currency: null });
});

test('durations', () => {
  expect(readMinutes('PT1H30M')).toBe(90);
  expect(readMinutes(5400)).toBe(90);
  expect(readMinutes('soon')).toBe(null);
});
