import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NAMESPACES } from './language';

const src = join(__dirname, '..');
type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [prefix + key] : flat(value, `${prefix}${key}.`),
  );
}
function read(language: string): Record<string, Tree> {
  const folder = join(src, 'i18n', language);
  return Object.fromEntries(
    readdirSync(folder).map((file) => [
      file.replace('.json', ''),
      JSON.parse(readFileSync(join(folder, file), 'utf8')) as Tree,
    ]),
  );
}
function at(tree: Tree | undefined, key: string): string {
  const found = key
    .split('.')
    .reduce<Tree | string | undefined>((node, part) => (typeof node === 'object' ? node[part] : undefined), tree);
  return typeof found === 'string' ? found : '';
}
const zh = read('zh-CN');
const en = read('en');
const base = (key: string) => key.replace(/_(one|other)$/, '');

describe('texts', () => {
  test.each(NAMESPACES)('%s has the same keys in both languages', (namespace) => {
    expect(flat(zh[namespace] ?? {}).sort()).toEqual(flat(en[namespace] ?? {}).sort());
  });

  test('no text is empty, and both languages use the same variables', () => {
    const variables = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
    for (const namespace of NAMESPACES) {
      for (const key of flat(zh[namespace] ?? {})) {
        const texts = [at(zh[namespace], key), at(en[namespace], key)];
        expect(texts, `${namespace}:${key}`).not.toContain('');
        // English counts may say the shown number where Chinese says it too; `count` only chooses the form.
        const [left, right] = texts.map((text) => variables(text).filter((name) => name !== 'count'));
        expect(left, `${namespace}:${key}`).toEqual(right);
      }
    }
  });

  test('every key the code asks for exists', () => {
    const missing: string[] = [];
    for (const file of readdirSync(src, { recursive: true }).map(String)) {
      if (!/\.tsx?$/.test(file) || file.includes('.test.')) continue;
      const code = readFileSync(join(src, file), 'utf8');
      const own = /useTranslation\('(\w+)'\)/.exec(code)?.[1];
      const several = new Set([...code.matchAll(/useTranslation\('(\w+)'\)/g)].map((match) => match[1]));
      expect(several.size, `${file} uses one namespace`).toBeLessThan(2);
      const ask = (key: string, whole: boolean) => {
        const [namespace, rest] = key.includes(':') ? (key.split(':') as [string, string]) : [own ?? '', key];
        const known = flat(zh[namespace] ?? {}).map(base);
        if (!(whole ? known.includes(rest) : known.some((one) => one.startsWith(rest))))
          missing.push(`${file}: ${key}`);
      };
      for (const match of code.matchAll(/\bt\(\s*'([^']+)'/g)) ask(match[1] ?? '', true);
      for (const match of code.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)) ask(match[1] ?? '', false);
      for (const match of code.matchAll(/\bt\([^'"`?()]*\?\s*'([^']+)'\s*:\s*'([^']+)'/g)) {
        ask(match[1] ?? '', true);
        ask(match[2] ?? '', true);
      }
    }
    expect(missing).toEqual([]);
  });
});
