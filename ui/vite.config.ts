import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The API's address for `npm run dev`. */
const backend = process.env.PGANALYTICS_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // Relative, so that the files work under any path prefix. Every page is one path segment deep (shell/routes.tsx).
  base: './',
  server: { proxy: { '/api': backend } },
  build: { target: 'es2022', chunkSizeWarningLimit: 600 },
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'] },
});
