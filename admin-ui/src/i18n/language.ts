import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { reader } from '../lib/format';
import { recall, remember } from '../lib/store';

export const LANGUAGES = ['zh-CN', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];
export const NAMESPACES = ['app', 'ui', 'fields', 'records', 'settlement', 'tasks', 'imports', 'dashboards', 'errors'];

/** What this browser was told to use; undefined when nobody chose. */
export function rememberedLanguage(): Language | undefined {
  const found = recall<string>('language');
  return LANGUAGES.find((language) => language === found);
}

async function load(language: Language): Promise<void> {
  if (i18next.hasResourceBundle(language, 'app')) return;
  const { texts } = language === 'en' ? await import('./load-en') : await import('./load-zh-CN');
  for (const [path, bundle] of Object.entries(texts)) {
    const namespace = /([\w-]+)\.json$/.exec(path)?.[1];
    if (namespace) i18next.addResourceBundle(language, namespace, bundle, true, true);
  }
}

export async function startLanguage(): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: {},
    fallbackLng: false,
    ns: NAMESPACES,
    defaultNS: 'app',
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false },
    initAsync: false,
  });
  await switchLanguage(rememberedLanguage() ?? 'zh-CN', false);
}

export async function switchLanguage(language: Language, chosen = true): Promise<void> {
  await load(language);
  reader.language = language;
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  if (chosen) remember('language', language);
}
