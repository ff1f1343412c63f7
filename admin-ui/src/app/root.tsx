import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Outlet, useRouter } from '@tanstack/react-router';
import { Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { asProblem, session } from '../api/client';
import type { Me, SessionReply } from '../api/contract/session';
import { meQuery } from '../api/queries';
import { SignInForm } from '../features/session/sign-in';
import { ExplainProvider, failureOf } from '../fields/explain';
import { type Language, rememberedLanguage, switchLanguage } from '../i18n/language';
import { reader } from '../lib/format';
import { Dialog } from '../ui/dialog';
import { PageHeader } from '../ui/layout';
import { FailureState, PageState, Skeleton } from '../ui/states';
import { Toasts } from '../ui/toasts';
import { Shell } from './shell';
import { SignInPage } from './sign-in-page';

/** Who is here decides what is drawn: the sign-in page, or the shell with the page inside. */
export function Root() {
  const me = useQuery(meQuery);
  const client = useQueryClient();
  const { i18n } = useTranslation();
  const language = i18n.language;
  useEffect(() => {
    // Titles come from the server in the reader's language.
    const refresh = () => client.invalidateQueries();
    i18n.on('languageChanged', refresh);
    return () => i18n.off('languageChanged', refresh);
  }, [client, i18n]);

  if (me.data) {
    adopt(me.data);
    return (
      <Signed me={me.data} key={me.data.id}>
        <Suspense
          fallback={
            <div className="page">
              <Skeleton rows={8} />
            </div>
          }
        >
          <Outlet />
        </Suspense>
      </Signed>
    );
  }
  if (me.error && asProblem(me.error).status === 401) {
    return (
      <SignInPage
        key={language}
        onDone={async (reply) => {
          await takeOwnLanguage(reply);
          client.setQueryData(meQuery.queryKey, { ...reply.user, csrf: reply.csrf });
        }}
      />
    );
  }
  if (me.error) return <FailureState failure={failureOf(me.error)} onRetry={() => me.refetch()} />;
  return <div className="boot" />;
}

function adopt(me: Me): void {
  session.known = true;
  session.csrf = me.csrf;
  reader.zone = me.time_zone || reader.zone;
  reader.currency = me.currency || reader.currency;
}

/** Someone who never chose a language here gets the one of their account. */
async function takeOwnLanguage(reply: SessionReply): Promise<void> {
  const own = reply.user.locale === 'en' ? 'en' : 'zh-CN';
  if (!rememberedLanguage()) await switchLanguage(own as Language, false);
}

function Signed({ me, children }: { me: Me; children: React.ReactNode }) {
  const [resume, setResume] = useState<(() => void) | null>(null);
  useEffect(() => {
    session.ask = () => new Promise<void>((done) => setResume(() => done));
    return () => {
      session.ask = null;
    };
  }, []);
  return (
    <ExplainProvider>
      <Shell me={me}>{children}</Shell>
      {resume ? (
        <ExpiredDialog
          me={me}
          onDone={() => {
            resume();
            setResume(null);
          }}
        />
      ) : null}
      <Toasts />
    </ExplainProvider>
  );
}

/** The session ended while somebody worked: sign in over the page, what was typed stays. */
function ExpiredDialog({ me, onDone }: { me: Me; onDone: () => void }) {
  const { t } = useTranslation('app');
  const client = useQueryClient();
  return (
    <Dialog title={t('expired.title')} held onClose={() => undefined}>
      <p className="lead">{t('expired.text')}</p>
      <SignInForm
        user={me.login}
        onDone={(reply) => {
          client.setQueryData(meQuery.queryKey, { ...reply.user, csrf: reply.csrf });
          onDone();
        }}
      />
    </Dialog>
  );
}

export function NotFound() {
  const { t } = useTranslation('app');
  const router = useRouter();
  return (
    <>
      <PageHeader title={t('notFound.title')} />
      <div className="page">
        <PageState
          icon="search"
          title={t('notFound.title')}
          action={
            <a className="btn btn-default" href={router.basepath || '/'}>
              {t('notFound.home')}
            </a>
          }
        >
          {t('notFound.text')}
        </PageState>
      </div>
    </>
  );
}
