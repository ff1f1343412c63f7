import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionReply } from '../api/contract/session';
import { SignInForm } from '../features/session/sign-in';
import { Brand } from './brand';
import { LanguageSwitch } from './language-switch';

export function SignInPage({ onDone }: { onDone: (reply: SessionReply) => void }) {
  const { t } = useTranslation('app');
  useEffect(() => {
    document.title = `${t('signIn.title')} · Packwork`;
  }, [t]);
  return (
    <div className="sign-in">
      <header className="sign-in-top">
        <LanguageSwitch />
      </header>
      <main className="sign-in-card">
        <Brand />
        <h1>{t('signIn.title')}</h1>
        <p className="muted">{t('signIn.lead')}</p>
        <SignInForm onDone={onDone} />
      </main>
    </div>
  );
}
