import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { startLanguage } from '../i18n/language';
import { ErrorBoundary } from './error-boundary';
import { makeQueryClient } from './query-client';
import { makeRouter } from './router';
import './styles.css';
import './records.css';

// A tab that was open during an upgrade asks for files that are gone: load the new page once.
addEventListener('vite:preloadError', (event) => {
  const at = Number(sessionStorage.getItem('packwork.reloaded') ?? 0);
  if (Date.now() - at < 10_000) return;
  sessionStorage.setItem('packwork.reloaded', String(Date.now()));
  event.preventDefault();
  location.reload();
});

const root = document.getElementById('root');
if (root) {
  const client = makeQueryClient();
  const router = makeRouter();
  await startLanguage();
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </ErrorBoundary>
    </StrictMode>,
  );
}
