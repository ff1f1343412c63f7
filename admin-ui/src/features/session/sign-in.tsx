import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, session } from '../../api/client';
import type { SessionReply } from '../../api/contract/session';
import { problemText } from '../../api/problems';
import { Button } from '../../ui/button';
import { wire } from '../../ui/inputs';
import { Labelled } from '../../ui/labelled';

type Props = { onDone: (reply: SessionReply) => void; user?: string };

/** User and password; pasting and password managers are welcome. */
export function SignInForm({ onDone, user: fixed }: Props) {
  const { t } = useTranslation('app');
  const [user, setUser] = useState(fixed ?? '');
  const [password, setPassword] = useState('');
  const [visible, setVisible] = useState(false);
  const [missing, setMissing] = useState(false);
  const secret = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: () => api.post<SessionReply>('/session', { user: user.trim(), password }),
    onSuccess: (reply) => {
      session.csrf = reply.csrf;
      onDone(reply);
    },
    onError: () => {
      setPassword('');
      secret.current?.focus();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const empty = user.trim() === '' || password === '';
    setMissing(empty);
    if (!empty && !signIn.isPending) signIn.mutate();
  };
  return (
    <form className="sign-in-form" onSubmit={submit} noValidate>
      {signIn.error ? (
        <p className="notice notice-danger" role="alert">
          {problemText(signIn.error)}
        </p>
      ) : null}
      <Labelled label={t('signIn.user')} error={missing && user.trim() === '' ? t('signIn.userMissing') : null}>
        {(wiring) => (
          <input
            {...wire(wiring)}
            className="input"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            readOnly={fixed !== undefined}
            value={user}
            onChange={(event) => setUser(event.target.value)}
          />
        )}
      </Labelled>
      <Labelled label={t('signIn.password')} error={missing && password === '' ? t('signIn.passwordMissing') : null}>
        {(wiring) => (
          <span className="with-button">
            <input
              {...wire(wiring)}
              ref={secret}
              className="input"
              name="password"
              type={visible ? 'text' : 'password'}
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
            <Button look="text" aria-pressed={visible} onClick={() => setVisible(!visible)}>
              {t(visible ? 'signIn.hide' : 'signIn.show')}
            </Button>
          </span>
        )}
      </Labelled>
      <Button look="primary" type="submit" busy={signIn.isPending} className="btn-wide">
        {t('signIn.submit')}
      </Button>
    </form>
  );
}
