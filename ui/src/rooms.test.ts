/** The rooms of `src` and the imports between them, held against the table in ui/README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const src = dirname(fileURLToPath(import.meta.url));

/** Half of the files are no longer than this. */
const MEDIAN_LINES = 150;

/** Rooms from top to bottom, each with the rooms that it may use. */
function table(): Map<string, string[]> {
  const readme = readFileSync(join(src, '..', 'README.md'), 'utf8');
  const names = (cell: string) => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
  return new Map(
    [...readme.matchAll(/^\| `(\w+)` +\|[^|]*\|([^|]*)\|$/gm)].map((row) => [row[1] ?? '', names(row[2] ?? '')]),
  );
}

const rooms = table();
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((path) => path.split(sep).join('/'))
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'));

const roomOf = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : 'main');
/** The page's folder; null outside `pages`. */
const pageOf = (path: string) => /^pages\/([^/]+)/.exec(path)?.[1] ?? null;

/** Files of `src` that a file imports, style sheets and lazily loaded pages included. */
function imports(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(src, file), 'utf8'));
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      normalize(join(dirname(file), name))
        .split(sep)
        .join('/'),
    );
}

describe('rooms', () => {
  it('the table names every folder of src', () => {
    const folders = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...rooms.keys()].sort()).toEqual(folders.map((folder) => folder.name).sort());
  });

  it('the table lets a room use only rooms below it', () => {
    const order = [...rooms.keys()];
    for (const [room, uses] of rooms) {
      for (const used of uses) expect(order.indexOf(used), `${room} uses ${used}`).toBeGreaterThan(order.indexOf(room));
    }
  });

  it('every import follows the table', () => {
    const allowed = (from: string, to: string) =>
      from === to || (from === 'main' ? ['shell', 'api'] : (rooms.get(from) ?? [])).includes(to);
    const wrong = files.flatMap((file) =>
      imports(file)
        .filter((target) => !file.includes('.test.') && !allowed(roomOf(file), roomOf(target)))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('no page imports another page', () => {
    const wrong = files.flatMap((file) =>
      imports(file)
        .filter((target) => pageOf(file) !== null && pageOf(target) !== null && pageOf(file) !== pageOf(target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it(`half of the files have at most ${MEDIAN_LINES} lines`, () => {
    const lengths = files.map((file) => readFileSync(join(src, file), 'utf8').split('\n').length).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(MEDIAN_LINES);
  });
});
