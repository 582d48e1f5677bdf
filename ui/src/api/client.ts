/**
 * The one way to the backend. Paths are relative to where the UI is served, so a path prefix costs nothing.
 * The session is an HttpOnly cookie; nothing secret is kept here. What a path takes and answers is known from the API's
 * own description (schema.d.ts is generated from docs/openapi.json).
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

/** Where the UI lives: every page is one path segment deep, so this is the document's folder. */
export const basePath = new URL('.', document.baseURI).pathname;

export type Position = Schemas['ErrorPosition'];

/** What the backend said no with, or that it could not be reached. */
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
    // A proxy answered with a page of its own; the status says enough.
  }
  const { code, message, remedy, position }: Partial<Schemas['ErrorDetail']> = body.error ?? {};
  return new ApiError(
    response.status,
    code ?? 'http',
    message ?? `The server answered ${response.status} ${response.statusText}`.trim(),
    remedy ?? undefined,
    position ?? undefined,
  );
}

/** Sends a request and hands back the response if it is a success; every other outcome is an ApiError. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(basePath + path.replace(/^\//, ''), { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(
      0,
      'unreachable',
      'The backend can’t be reached.',
      'Check that pgAnalytics runs, and the network.',
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

/** The response itself: not every answer is JSON. */
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

/** For answers that are JSON. */
export async function postForJson<Path extends PostPath>(
  path: Path,
  body: BodyOf<paths[Path]['post']>,
): Promise<AnswerOf<paths[Path]['post']>> {
  const response = await post(path, body);
  return (await response.json()) as AnswerOf<paths[Path]['post']>;
}

/** Replaces what the path names, and answers what holds then. */
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

/** `path` is one of the description's, its last part replaced by what is to go. */
export async function remove(
  path: '/api/v1/users/{name}' | '/api/v1/tokens/{id}' | '/api/v1/collectors/{id}',
  which: string | number,
): Promise<void> {
  await send(path.replace(/\{\w+\}$/, encodeURIComponent(String(which))), { method: 'DELETE' });
}

/** Does something to what the path names, that needs no more words. */
export async function postTo(path: '/api/v1/collectors/{id}/revoke', which: string): Promise<void> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  await send(path.replace(/\{\w+\}/, encodeURIComponent(which)), init);
}
