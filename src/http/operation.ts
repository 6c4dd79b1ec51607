/** One operation of the API: what it takes, what it answers, and who may ask. The router and the OpenAPI document are made of these. */
import type { Request, Response } from 'express';
import type * as z from 'zod';
import type { Scope, Sender } from './auth.ts';
import { type BodyLimits, type Budget, parseJson, readBody, requireMediaType, withWholeBody } from './body.ts';
import { Problem } from './problem.ts';

export interface Call<Q = unknown, B = unknown> {
  readonly request: Request;
  readonly response: Response;
  readonly sender: Sender;
  /** Of the path. */
  readonly id: string;
  readonly query: Q;
  readonly body: B;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Media types of the answer; JSON where left out. */
  readonly content?: readonly string[];
}

/** What the document says of an operation, and what it does. */
export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  /** With `{id}` where it takes one. */
  readonly path: string;
  readonly summary: string;
  /** null: open to all. */
  readonly scope: Scope | null;
  readonly query: z.ZodObject | null;
  /** Request headers that it reads. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly content: readonly string[]; readonly schema: z.ZodType | null } | null;
  readonly answers: Readonly<Record<number, Answer>>;
  /** True: one that is open for long does not count as a request at work. */
  readonly isStream?: boolean;
  run(request: Request, response: Response, sender: Sender): Promise<void>;
}

type Described = Pick<Operation, 'id' | 'method' | 'path' | 'summary' | 'scope' | 'answers'> &
  Partial<Pick<Operation, 'headers' | 'isStream'>>;

/** An operation whose handler answers with a reply, or (null) has answered itself. */
export function operation<Q extends z.ZodObject>(
  described: Described & {
    readonly query: Q;
    readonly content?: readonly string[];
    handle(call: Call<z.output<Q>>): Promise<Reply | null>;
  },
): Operation {
  const { query, content, handle, ...rest } = described;
  return {
    headers: {},
    ...rest,
    query,
    body: content === undefined ? null : { content, schema: null },
    async run(request, response, sender) {
      if (content !== undefined) requireMediaType(request, content);
      const call = { request, response, sender, id: idOf(request), query: readQuery(query, request), body: null };
      send(response, await handle(call));
    },
  };
}

/** An operation that takes a JSON body. */
export function jsonOperation<B extends z.ZodType>(
  described: Described & {
    readonly schema: B;
    readonly limits: BodyLimits;
    readonly budget: Budget;
    handle(call: Call<null, z.output<B>>): Promise<Reply>;
  },
): Operation {
  const { schema, limits, budget, handle, ...rest } = described;
  return {
    headers: {},
    ...rest,
    query: null,
    body: { content: ['application/json'], schema },
    async run(request, response, sender) {
      requireMediaType(request, ['application/json']);
      const reply = await withWholeBody(readBody(request, response, limits), budget, (bytes) => {
        const body = checked(schema, parseJson(bytes), 'This body');
        return handle({ request, response, sender, id: idOf(request), query: null, body });
      });
      send(response, reply);
    },
  };
}

function send(response: Response, reply: Reply | null): void {
  if (reply === null) return;
  if (reply.body === null) response.status(reply.status).end();
  else response.status(reply.status).type('application/json').end(JSON.stringify(reply.body));
}

const LONGEST_ID = 300;

function idOf({ params }: Request): string {
  const id = params['id'];
  if (typeof id === 'string' && id.length > LONGEST_ID) throw new Problem(404, 'There is nothing by this id.', 'Take ids from the lists.');
  return typeof id === 'string' ? id : '';
}

function readQuery<Q extends z.ZodObject>(schema: Q, { url }: Request): z.output<Q> {
  const mark = url.indexOf('?');
  const given = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const names = [...given.keys()];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Problem(400, `The parameter ${show(twice)} is given twice.`, 'Give each parameter once.');
  return checked(schema, Object.fromEntries(given), 'The query');
}

/** All faults at once. Errors: Problem 400. */
function checked<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.map(String).join('.').slice(0, 100) || 'it'}: ${message.slice(0, 300)}`);
  throw new Problem(400, `${what} is not as it should be: ${faults.join('; ')}.`, 'GET /openapi.json has the shape.');
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
