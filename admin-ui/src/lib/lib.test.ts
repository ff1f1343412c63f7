import { describe, expect, test } from 'vitest';
import { groupDigits, padScale, percentToRatio, ratioToPercent, readDecimal, sumDecimals } from './decimal';
import { equal } from './equal';
import { fromFilter, toFilter } from './filter';
import {
  formatAmount,
  formatBytes,
  formatDate,
  formatDateTime,
  formatMoney,
  formatPercent,
  formatRelative,
  reader,
} from './format';
import { isDay, readDay, readTime, utcToZoned, zonedToUtc } from './zone';

describe('decimals', () => {
  test.each([
    ['1234567.5', '1,234,567.5'],
    ['-1234567.5', '-1,234,567.5'],
    ['999', '999'],
    ['123456789012345678.01', '123,456,789,012,345,678.01'],
  ])('%s is shown as %s', (value, shown) => expect(groupDigits(value)).toBe(shown));

  test.each([
    ['1,234.50', '1234.50'],
    ['１２３．５', '123.5'],
    ['￥ 95', '95'],
    ['.5', '0.5'],
    ['-0', '0'],
    ['007', '7'],
    ['12a', null],
    ['', null],
  ])('%s typed is read as %s', (typed, value) => expect(readDecimal(typed)).toBe(value));

  test('amounts have two decimals at least and lose none', () => {
    expect(formatAmount('1234.5')).toBe('1,234.50');
    expect(formatAmount('0.12345')).toBe('0.12345');
    expect(formatAmount(null)).toBe('—');
    expect(padScale('5', 0)).toBe('5');
    expect(formatMoney({ amount: '760.00', currency: 'CNY' })).toBe('CNY 760.00');
  });

  test('a ratio and its percentage', () => {
    expect(ratioToPercent('0.06')).toBe('6');
    expect(percentToRatio('13')).toBe('0.13');
    expect(formatPercent('0.125')).toBe('12.5%');
  });

  test('sums do not drift', () => expect(sumDecimals(['0.1', '0.2'])).toBe('0.3'));
});

describe('days and moments', () => {
  test('the last second of March in Shanghai and the first of April', () => {
    expect(utcToZoned('2026-03-31T15:59:59Z', 'Asia/Shanghai')).toEqual({ date: '2026-03-31', time: '23:59' });
    expect(utcToZoned('2026-03-31T16:00:00Z', 'Asia/Shanghai')).toEqual({ date: '2026-04-01', time: '00:00' });
  });
  test('what is typed in a zone comes back the same', () => {
    for (const zone of ['Asia/Shanghai', 'Europe/Berlin', 'America/New_York']) {
      const moment = zonedToUtc('2026-06-30', '23:30', zone);
      expect(utcToZoned(moment, zone)).toEqual({ date: '2026-06-30', time: '23:30' });
    }
  });
  test('days that do not exist are refused', () => {
    expect(isDay('2026-02-30')).toBe(false);
    expect(readDay('2026-2-30')).toBe(null);
  });
  test.each(['2026-6-3', '2026/06/03', '20260603', '2026年6月3日'])('%s is read as a day', (typed) =>
    expect(readDay(typed)).toBe('2026-06-03'),
  );
  test.each([
    ['9:5', '09:05'],
    ['0905', '09:05'],
    ['25:00', null],
  ])('%s is read as the time %s', (typed, time) => expect(readTime(typed)).toBe(time));
  test('a day is never shifted by a zone, a moment is shown in the tenant’s', () => {
    reader.language = 'zh-CN';
    reader.zone = 'Asia/Shanghai';
    expect(formatDate('2026-06-30')).toBe('2026-06-30');
    expect(formatDateTime('2026-06-30T15:30:00Z')).toBe('2026-06-30 23:30');
    reader.language = 'en';
    expect(formatDate('2026-06-30')).toBe('30 Jun 2026');
    reader.language = 'zh-CN';
  });
});

describe('ages and sizes', () => {
  const now = Date.parse('2026-06-30T12:00:00Z');
  test.each([
    ['2026-06-30T11:59:30Z', '现在', 'now'],
    ['2026-06-30T11:58:59Z', '1分钟前', '1 minute ago'],
    ['2026-06-30T09:00:00Z', '3小时前', '3 hours ago'],
    ['2026-06-29T11:00:00Z', '昨天', 'yesterday'],
    ['2026-06-28T15:59:00Z', '前天', '2 days ago'],
    ['2026-06-29T15:59:00Z', '昨天', 'yesterday'],
    ['2026-06-20T11:00:00Z', '2026-06-20 19:00', '20 Jun 2026 19:00'],
    ['nonsense', '—', '—'],
  ])('%s is %s', (moment, chinese, english) => {
    reader.language = 'zh-CN';
    expect(formatRelative(moment, now)).toBe(chinese);
    reader.language = 'en';
    expect(formatRelative(moment, now)).toBe(english);
    reader.language = 'zh-CN';
  });
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1234, '1.2 kB'],
    [123_456, '123 kB'],
    [999_600, '1 MB'],
    [209_715_200, '210 MB'],
  ])('%d bytes are %s', (bytes, shown) => expect(formatBytes(bytes)).toBe(shown));
});

describe('filters', () => {
  const types = { amount: 'money', finished_at: 'date_time', since: 'date', state: 'state' };
  test('nothing asked is no filter', () => expect(toFilter({}, types, 'Asia/Shanghai')).toBeUndefined());
  test('a range of days over moments covers whole days of the tenant', () => {
    expect(toFilter({ finished_at: { gte: '2026-06-01', lte: '2026-06-30' } }, types, 'Asia/Shanghai')).toEqual({
      and: [{ finished_at: { gte: '2026-05-31T16:00:00Z' } }, { finished_at: { lt: '2026-06-30T16:00:00Z' } }],
    });
  });
  test('a filter from a link becomes chips as far as they can say it', () => {
    const given = {
      and: [{ state: { eq: 'completed' } }, { finished_at: { this: 'month' } }, { pricing: { ne: 'priced' } }],
    };
    expect(fromFilter(given)).toEqual({
      chips: { state: { in: ['completed'] }, finished_at: { this: 'month' } },
      rest: { pricing: { ne: 'priced' } },
    });
    expect(fromFilter({ state: { in: ['a', 'b'] } })).toEqual({
      chips: { state: { in: ['a', 'b'] } },
      rest: undefined,
    });
    expect(fromFilter({ or: [{ state: 'a' }] })).toEqual({ chips: {}, rest: { or: [{ state: 'a' }] } });
  });
  test('days, numbers and choices', () => {
    expect(
      toFilter(
        { since: { lte: '2026-06-30' }, amount: { gte: '100' }, state: { in: ['draft'] } },
        types,
        'Asia/Shanghai',
      ),
    ).toEqual({
      and: [{ since: { lte: '2026-06-30' } }, { amount: { gte: '100' } }, { state: { in: ['draft'] } }],
    });
  });
});

test('equal looks at what values say', () => {
  expect(equal({ a: 1, b: [1, { c: null }] }, { b: [1, {}], a: 1 })).toBe(true);
  expect(equal(undefined, null)).toBe(true);
  expect(equal({ amount: '1.00' }, { amount: '1' })).toBe(false);
});
