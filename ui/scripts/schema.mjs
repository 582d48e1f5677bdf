// Writes src/api/schema.d.ts from docs/openapi.json, so that the client's types are the server's. Skips when it is fresh.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../docs/openapi.json', import.meta.url);
const target = new URL('../src/api/schema.d.ts', import.meta.url);

if (!existsSync(source)) {
  console.error('docs/openapi.json is missing; write it with: pganalytics openapi > docs/openapi.json');
  process.exit(1);
}
if (!existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs) {
  writeFileSync(target, astToString(await openapiTS(source)));
}
