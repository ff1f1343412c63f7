import { useTranslation } from 'react-i18next';
import { LANGUAGES, switchLanguage } from '../i18n/language';

const NAMES = { 'zh-CN': '简体中文', en: 'English' } as const;

/** Each language by its own name, so it is found by those who cannot read the other. */
export function LanguageSwitch() {
  const { i18n, t } = useTranslation('app');
  return (
    <fieldset className="segmented">
      <legend className="sr-only">{t('language')}</legend>
      {LANGUAGES.map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={i18n.language === language}
          onClick={() => switchLanguage(language)}
        >
          {NAMES[language]}
        </button>
      ))}
    </fieldset>
  );
}
