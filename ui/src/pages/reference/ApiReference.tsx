/** The requests of the API: purpose, parameters, body, responses and errors. */
import { Code, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment } from 'react';
import { basePath, get } from '../../api/client';
import { Loaded } from '../../layout/States';
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
    <Loaded query={query} what="read the API description" height={420}>
      {(document) => (
        <Stack gap={6}>
          <Text size="sm" c="dimmed">
            {document.info.title} {document.info.version}. Send <Code>Authorization: Bearer</Code> with a token from the
            page Settings. The OpenAPI document is <Code>{basePath}api/v1/openapi.json</Code>.
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
  const responses = Object.entries(operation.responses ?? {});
  const successes = responses.filter(([status]) => status.startsWith('2'));
  const failures = responses.filter(([status]) => !status.startsWith('2'));
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
            <Marked text={line} />
          </p>
        ))}
        {operation.parameters?.length ? (
          <Fields
            title="Parameters"
            rows={operation.parameters.map((parameter) => ({
              name: parameter.name,
              type: `${typeName(parameter.schema, document)}, in ${parameter.in}`,
              required: parameter.required ?? false,
              help: parameter.description ?? '',
            }))}
          />
        ) : null}
        {media ? <SchemaFields title={`Body: ${mediaType}`} schema={media.schema} document={document} /> : null}
        {successes.map(([status, { description, content }]) => {
          const [type, answer] = Object.entries(content ?? {})[0] ?? [];
          return (
            <SchemaFields
              key={status}
              title={[status, description, type].filter(Boolean).join(' · ')}
              schema={answer?.schema}
              document={document}
            />
          );
        })}
        {failures.length > 0 ? (
          <>
            <p className={classes.heading}>Errors</p>
            <dl className={classes.failures}>
              {failures.map(([status, { description }]) => (
                <Fragment key={status}>
                  <dt>{status}</dt>
                  <dd>
                    <Marked text={description ?? ''} />
                  </dd>
                </Fragment>
              ))}
            </dl>
          </>
        ) : null}
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
    return (
      <p className={classes.heading}>{schema && !schema.$ref ? `${label} · ${typeName(schema, document)}` : label}</p>
    );
  }
  return (
    <Fields
      title={label}
      rows={properties.map(([name, property]) => ({
        name,
        type: typeName(property, document),
        required: inner?.required?.includes(name) ?? false,
        help: property.description ?? '',
      }))}
    />
  );
}

/** Text with backticks as code. Descriptions use no other Markdown. */
function Marked({ text }: { text: string }) {
  return text.split('`').map((part, i) =>
    i % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts are identified by position only
      <code key={i}>{part}</code>
    ) : (
      part
    ),
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
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
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
                <td>
                  <Marked text={row.help} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
