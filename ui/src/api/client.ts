/**
 * The HTTP client for the backend; no other file calls fetch. Paths are relative to the UI's own address, so the UI works
 * under any path prefix. The session is an HttpOnly cookie; the client holds no secret. Request and response types come from
 * the API's description: schema.d.ts is generated from docs/openapi.json.
 */
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

type Json<Answer> = Answer extends { content: { 'application/json': infer Body } } ? Body : never;
type AnswerOf<Operation> = Operation extends { responses: infer Responses }
  ? Json<Responses[keyof Responses & (200 | 201)]>
  : never;
type BodyOf<Operation> = Operation extends { requestBody: { content: { 'application/json': infer Body } } }
  ? Body
  : undefined;

/** Paths that have the method. */
type PathsWith<Method extends string> = {
  [Path in keyof paths]: paths[Path] extends Record<Method, { responses: unknown }> ? Path : never;
}[keyof paths];
type GetPath = PathsWith<'get'>;
type PostPath = PathsWith<'post'>;

/** The UI's own path. Every page is one path segment deep, so this is the document's folder. */
export const basePath = new URL('.', document.baseURI).pathname;

export type Position = Schemas['ErrorPosition'];

/** An error response of the backend, or a backend that cannot be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy: string | undefined;
  readonly position: Position | undefined;

  constructor(status: number, code: string, message: string, remedy?: string, position?: Position) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.remedy = remedy;
    this.position = position;
  }
}

async function toError(response: Response): Promise<ApiError> {
  let body: Partial<Schemas['ErrorBody']> = {};
  try {
    body = (await response.json()) as Schemas['ErrorBody'];
  } catch {
    // The body is not JSON, for example a proxy's error page. The status is enough.
  }
  const { code, message, remedy, position }: Partial<Schemas['ErrorDetail']> = body.error ?? {};
  return new ApiError(
    response.status,
    code ?? 'http',
    message ?? `The backend answered ${response.status} ${response.statusText}`.trim(),
    remedy ?? undefined,
    position ?? undefined,
  );
}

/** Sends a request and returns a successful response. Throws an ApiError for every other outcome. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(basePath + path.replace(/^\//, ''), { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(
      0,
      'unreachable',
      'The backend cannot be reached.',
      'Check that pgAnalytics runs and that the network reaches it.',
    );
  }
  if (!response.ok) throw await toError(response);
  return response;
}

export async function get<Path extends GetPath>(
  path: Path,
  signal?: AbortSignal,
): Promise<AnswerOf<paths[Path]['get']>> {
  const response = await send(path, signal ? { signal } : {});
  return (await response.json()) as AnswerOf<paths[Path]['get']>;
}

/** Returns the response itself, since not every response is JSON. */
export async function post<Path extends PostPath>(
  path: Path,
  body: BodyOf<paths[Path]['post']>,
  signal?: AbortSignal,
): Promise<Response> {
  const init: RequestInit = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  };
  return send(path, signal ? { ...init, signal } : init);
}

/** `post` for responses that are JSON. */
export async function postForJson<Path extends PostPath>(
  path: Path,
  body: BodyOf<paths[Path]['post']>,
): Promise<AnswerOf<paths[Path]['post']>> {
  const response = await post(path, body);
  return (await response.json()) as AnswerOf<paths[Path]['post']>;
}

/** Replaces the resource and returns its new state. */
export async function put<Path extends PathsWith<'put'>>(
  path: Path,
  body: BodyOf<paths[Path]['put']>,
): Promise<AnswerOf<paths[Path]['put']>> {
  const response = await send(path, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as AnswerOf<paths[Path]['put']>;
}

/** Deletes the resource. `which` replaces the placeholder in `path`. */
export async function remove(
  path: '/api/v1/users/{name}' | '/api/v1/tokens/{id}' | '/api/v1/collectors/{id}',
  which: string | number,
): Promise<void> {
  await send(path.replace(/\{\w+\}$/, encodeURIComponent(String(which))), { method: 'DELETE' });
}

/** Posts an action that needs no body. `which` replaces the placeholder in `path`. */
export async function postTo(path: '/api/v1/collectors/{id}/revoke', which: string): Promise<void> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  await send(path.replace(/\{\w+\}/, encodeURIComponent(which)), init);
}
