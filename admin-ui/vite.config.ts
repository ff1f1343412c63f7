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
    rolldownOptions: {
      output: {
        // Few files for the first page: what everyone needs in two, each feature in its own.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules[\\/](?!echarts|zrender|tslib)/ },
            { name: 'base', test: /src[\\/](lib|api|fields|ui(?![\\/]charts))[\\/]/ },
          ],
        },
      },
    },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test-setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 120_000,
  },
});
