import { QueryClient } from '@tanstack/react-query';
import { asProblem } from '../api/client';

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        networkMode: 'always', // offline is an answer of ours, with its own state on the page
        retry: (count, error) => {
          const { status, code } = asProblem(error);
          return count < 1 && (code === 'network' || status >= 500);
        },
        retryDelay: 800,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
