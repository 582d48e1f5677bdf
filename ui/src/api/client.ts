/**
 * The one way to the backend. Paths are relative to where the UI is served, so a path prefix costs nothing.
 * The session is an HttpOnly cookie; nothing secret is kept here.
 */

/** Where the UI lives: every page is one path segment deep, so this is the document's folder. */
export const basePath = new URL('.', document.baseURI).pathname;

const API = `${basePath}api/v1/`;

export interface Position {
  line: number;
  column: number;
}

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

interface ErrorBody {
  error?: { code?: string; message?: string; remedy?: string | null; position?: Position | null };
}

async function toError(response: Response): Promise<ApiError> {
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // A proxy answered with a page of its own; the status says enough.
  }
  const { code, message, remedy, position } = body.error ?? {};
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
    response = await fetch(API + path, { credentials: 'same-origin', ...init });
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

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const init: RequestInit = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  return send(path, signal ? { ...init, signal } : init);
}

export async function remove(path: string): Promise<Response> {
  return send(path, { method: 'DELETE' });
}
