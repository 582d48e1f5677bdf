/** Requests of the API: what they do, what they take, what they answer, and a line for the shell. */
import { Code, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { basePath, get } from '../../api/client';
import { Loaded } from '../../shell/States';
import { type Endpoint, endpoints, type OpenApi, resolve, type Schema, typeName } from './openapi';
import classes from './Reference.module.css';

export function ApiReference({ search }: { search: string }) {
  const query = useQuery<OpenApi, Error>({
    queryKey: ['openapi'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => (await get('/api/v1/openapi.json', signal)) as OpenApi,
  });
  const word = search.toLowerCase();
  return (
    <Loaded query={query} what="read the API’s description" height={420}>
      {(document) => (
        <Stack gap={6}>
          <Text size="sm" c="dimmed">
            {document.info.title} {document.info.version}. Send <Code>Authorization: Bearer</Code> with a token from
            Settings. The description itself is <Code>{basePath}api/v1/openapi.json</Code>.
          </Text>
          {endpoints(document)
            .filter(({ method, path, operation }) =>
              `${method} ${path} ${operation.summary ?? ''}`.toLowerCase().includes(word),
            )
            .map((endpoint) => (
              <Entry key={`${endpoint.method} ${endpoint.path}`} endpoint={endpoint} document={document} />
            ))}
        </Stack>
      )}
    </Loaded>
  );
}

function Entry({ endpoint, document }: { endpoint: Endpoint; document: OpenApi }) {
  const { method, path, operation } = endpoint;
  const [mediaType, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const lines = (operation.description ?? '').split('\n\n').filter(Boolean);
  return (
    <details className={classes.entry}>
      <summary>
        <span className={classes.method} data-method={method}>
          {method.toUpperCase()}
        </span>
        <code className={classes.path}>{path}</code>
        <span className={classes.summary}>{operation.summary}</span>
      </summary>
      <div className={classes.body}>
        {lines.map((line) => (
          <p key={line} className={classes.text}>
            {line}
          </p>
        ))}
        {operation.parameters?.length ? (
          <Fields
            title="Parameters"
            rows={operation.parameters.map((parameter) => ({
              name: parameter.name,
              type: `${typeName(parameter.schema)}, in ${parameter.in}`,
              required: parameter.required ?? false,
              help: parameter.description ?? '',
            }))}
          />
        ) : null}
        {media ? <SchemaFields title={`Body: ${mediaType}`} schema={media.schema} document={document} /> : null}
        {Object.entries(operation.responses ?? {}).map(([status, response]) => {
          const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
          return (
            <SchemaFields
              key={status}
              title={[status, response.description, type].filter(Boolean).join(' · ')}
              schema={content?.schema}
              document={document}
            />
          );
        })}
      </div>
    </details>
  );
}

function SchemaFields({ title, schema, document }: { title: string; schema: Schema | undefined; document: OpenApi }) {
  const outer = resolve(document, schema);
  const inner = outer?.type === 'array' ? resolve(document, outer.items) : outer;
  const properties = Object.entries(inner?.properties ?? {});
  const label = schema && outer?.type === 'array' ? `${title} · list` : title;
  if (properties.length === 0) {
    return <p className={classes.heading}>{schema && !schema.$ref ? `${label} · ${typeName(schema)}` : label}</p>;
  }
  return (
    <Fields
      title={label}
      rows={properties.map(([name, property]) => ({
        name,
        type: typeName(property),
        required: inner?.required?.includes(name) ?? false,
        help: property.description ?? '',
      }))}
    />
  );
}

interface FieldRow {
  name: string;
  type: string;
  required: boolean;
  help: string;
}

function Fields({ title, rows }: { title: string; rows: FieldRow[] }) {
  return (
    <>
      <p className={classes.heading}>{title}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label={title}>
        <table className={classes.fields}>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <td>
                  <code>{row.name}</code>
                </td>
                <td>
                  {row.type}
                  {row.required ? '' : ', optional'}
                </td>
                <td>{row.help}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
