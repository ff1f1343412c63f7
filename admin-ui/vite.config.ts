import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const api = process.env.PACKWORK_API ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', proxy: { '/api': api, '/docs': api, '/healthz': api } },
  preview: { host: '127.0.0.1', proxy: { '/api': api, '/docs': api, '/healthz': api } },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // no data: addresses, the content security policy allows only 'self'
    chunkSizeWarningLimit: 700,
    manifest: true,
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test-setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 20000,
  },
});
