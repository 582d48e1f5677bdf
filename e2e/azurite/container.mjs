// Makes a container on an Azurite: `node container.mjs PORT NAME`. Account and key are the same on every Azurite.
import { createHmac } from 'node:crypto';

const [port, name] = process.argv.slice(2);
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-08-06' };
const signed = [
  `PUT${'\n'.repeat(11)}`,
  ...Object.entries(headers).map(([header, value]) => `${header}:${value}`),
  `/${account}/${account}/${name}`,
  'restype:container',
].join('\n');
const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest('base64');
const answer = await fetch(`http://127.0.0.1:${port}/${account}/${name}?restype=container`, {
  method: 'PUT',
  headers: { ...headers, authorization: `SharedKey ${account}:${signature}` },
});
if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
