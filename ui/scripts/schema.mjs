// Writes src/api/schema.d.ts, the types of the API, from docs/openapi.json. Does nothing if the file is up to date.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../docs/openapi.json', import.meta.url);
const target = new URL('../src/api/schema.d.ts', import.meta.url);

if (!existsSync(source)) {
  console.error('docs/openapi.json is missing. Write it with: pganalytics openapi > docs/openapi.json');
  process.exit(1);
}
if (!existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs) {
  writeFileSync(target, astToString(await openapiTS(source)));
}
