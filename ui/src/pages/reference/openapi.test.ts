import { describe, expect, it } from 'vitest';
import { endpoints, typeName } from './openapi';

describe('typeName', () => {
  it.each([
    [{ type: 'string', format: 'date-time' }, 'string (date-time)'],
    [{ type: ['integer', 'null'] }, 'integer or null'],
    [{ type: 'array', items: { $ref: '#/components/schemas/Server' } }, 'Server[]'],
    [{ oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Position' }] }, 'null or Position'],
    [{ type: 'object', additionalProperties: { type: 'string' } }, '{name: string}'],
    [{ enum: ['json', 'csv'] }, '"json" | "csv"'],
    [undefined, 'any'],
  ])('%j', (schema, text) => expect(typeName(schema)).toBe(text));
});

it('a named enumeration is its values', () => {
  const document = {
    info: { title: '', version: '' },
    paths: {},
    components: { schemas: { Format: { enum: ['json', 'csv'] } } },
  };
  expect(typeName({ $ref: '#/components/schemas/Format' }, document)).toBe('"json" | "csv"');
});

describe('endpoints', () => {
  it('lists each method of each path', () => {
    const list = endpoints({
      info: { title: '', version: '' },
      paths: { '/a': { post: {}, get: {} }, '/b': { delete: {} } },
    });
    expect(list.map((entry) => `${entry.method} ${entry.path}`)).toEqual(['get /a', 'post /a', 'delete /b']);
  });
});
