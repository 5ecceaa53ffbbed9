import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { Problem, problemCodes, ProblemError, problems, type ProblemCode } from '@polyvirt/contracts';
import { NEEDS_ROOM, REPEATABLE } from '../audit/changes.decorator.ts';
import { examples, tagDescriptions } from './examples.ts';
import { PROBLEMS } from './answers.decorator.ts';
import { createConverter } from './schema-converter.ts';

interface Operation {
  operationId?: string;
  tags?: string[];
  parameters?: { name: string; in: string; schema?: object; $ref?: string }[];
  requestBody?: { content?: Record<string, MediaType>; required?: boolean };
  responses: Record<string, Response>;
  security?: object[];
  [PROBLEMS]?: ProblemCode[];
  [REPEATABLE]?: true;
  [NEEDS_ROOM]?: true;
}

interface Response {
  description: string;
  headers?: Record<string, object>;
  content?: Record<string, MediaType>;
}

interface MediaType {
  schema?: { $ref?: string };
  examples?: Record<string, { $ref: string }>;
}

type Paths = Record<string, Record<string, Operation>>;
type Components = Record<string, Record<string, object>>;

const problemSchema = { $ref: '#/components/schemas/Problem' };
const description = [
  'One control plane for virtual machines on VMware Workstation, Nutanix AHV and KVM.',
  'Every failure is a problem (RFC 9457); decide on its `code`. Every change of a VM answers 202 with an operation.',
  'Lists are read with the `nextCursor` of the part before.',
].join('\n\n');

/** The OpenAPI 3.1 document of an application; the same routes give the same text. */
export function createApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Polyvirt')
    .setDescription(description)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This gateway')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: 'An access token from `POST /auth/login`, or an API token (`pv_…`).',
    })
    .build();
  const convertSchema = createConverter();
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: convertSchema,
    autoTagControllers: false,
  });
  const paths = document.paths as unknown as Paths;
  const components = (document.components ??= {}) as Components;
  const problem = convertSchema(Problem, { schemaType: 'output' });
  components.schemas = { ...components.schemas, ...problem?.components };
  components.parameters = { 'Idempotency-Key': idempotencyKey, 'If-None-Match': ifNoneMatch };
  components.headers = headers;
  for (const methods of Object.values(paths)) {
    const isRevised = Object.values(methods).some(takesIfMatch);
    for (const [method, operation] of Object.entries(methods)) {
      complete(method, operation, components.schemas);
      if (method === 'get') addConditions(operation);
      addHeaders(operation, isRevised);
    }
  }
  components.examples = namedExamples(document);
  document.paths = sorted(paths) as unknown as OpenAPIObject['paths'];
  components.schemas = sorted(components.schemas);
  document.tags = tagsOf(paths);
  return document;
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Kept for 24 hours. A repeat with the same key and body gets the first answer again, with `Idempotency-Replayed: true`.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description:
    'ETags of what the client has, with commas: if it still is one of these, the answer is 304 without a body.',
  schema: { type: 'string' },
};

const headers = {
  'X-Request-Id': {
    description: 'Id of the request, as in the log: the one that was sent, or a new one.',
    schema: { type: 'string' },
  },
  'Idempotency-Replayed': {
    description: '`true` when this is the answer to an earlier request with the same `Idempotency-Key`.',
    schema: { type: 'string', enum: ['true'] },
  },
  Location: { description: 'Address of what was made.', schema: { type: 'string' } },
  ETag: {
    description: 'Names what was read, for `If-None-Match`; of a record that can be changed, for `If-Match` too.',
    schema: { type: 'string' },
  },
};

const headerRef = (name: keyof typeof headers) => ({ [name]: { $ref: `#/components/headers/${name}` } });

const takesIfMatch = ({ parameters }: Operation): boolean => (parameters ?? []).some(({ name }) => name === 'If-Match');

const takesIdempotencyKey = ({ parameters }: Operation): boolean =>
  (parameters ?? []).some(({ $ref }) => $ref?.endsWith('/Idempotency-Key'));

function addHeaders(operation: Operation, isRevised: boolean): void {
  for (const [status, response] of Object.entries(operation.responses)) {
    const isSuccess = status.startsWith('2');
    response.headers = {
      ...response.headers,
      ...headerRef('X-Request-Id'),
      ...(isSuccess && takesIdempotencyKey(operation) && headerRef('Idempotency-Replayed')),
      ...((status === '201' || status === '202') && headerRef('Location')),
      ...(isRevised && status === '200' && headerRef('ETag')),
    };
  }
}

/** A read of JSON answers whoever has it already with 304. */
function addConditions(operation: Operation): void {
  const success = operation.responses['200'];
  if (!success?.content?.['application/json']) return;
  operation.parameters = [...(operation.parameters ?? []), { $ref: '#/components/parameters/If-None-Match' } as never];
  operation.responses['304'] = { description: 'The client has it already.', headers: headerRef('ETag') };
  success.headers = { ...success.headers, ...headerRef('ETag') };
}

/** Adds to an operation what follows from its nature and is the same for all of that nature. */
function complete(method: string, operation: Operation, schemas: Components[string]): void {
  // The rest of a path, which the route describes under the name that it has in the document.
  operation.parameters = operation.parameters?.filter(({ name }) => name !== '*');
  if (isRepeatable(method, operation)) {
    operation.parameters = [
      ...(operation.parameters ?? []),
      { $ref: '#/components/parameters/Idempotency-Key' } as never,
    ];
  }
  if (operation.requestBody) operation.requestBody.required = needsBody(operation.requestBody, schemas);
  addExamples(operation);
  addProblems(operation, problemsOf(method, operation));
  delete operation[PROBLEMS];
  delete operation[REPEATABLE];
  delete operation[NEEDS_ROOM];
  // Says that it is meant: a route without security of its own would have that of the document.
  operation.security ??= [];
}

const isRepeatable = (method: string, operation: Operation): boolean =>
  method === 'post' && operation[REPEATABLE] === true;

/** A body whose every field is optional may be left out. */
function needsBody({ content }: NonNullable<Operation['requestBody']>, schemas: Components[string]): boolean {
  return Object.values(content ?? {}).some(({ schema }) => 'required' in (schemas[nameOf(schema)] ?? schema ?? {}));
}

const nameOf = (schema: { $ref?: string } | undefined): string => schema?.$ref?.split('/').at(-1) ?? '';

function addExamples({ requestBody, responses }: Operation): void {
  for (const { content } of [requestBody ?? {}, ...Object.values(responses)]) {
    for (const media of Object.values(content ?? {})) {
      const name = nameOf(media.schema);
      if (name in examples) media.examples = { example: exampleRef(name) };
    }
  }
}

/** Codes of a route: its own, and those of its permission, its input and its method. */
function problemsOf(method: string, operation: Operation): ProblemCode[] {
  const takesInput = operation.requestBody !== undefined || (operation.parameters ?? []).length > 0;
  const codes: ProblemCode[] = [
    ...(takesInput ? (['invalid-input'] as const) : []),
    ...(operation.security ? (['unauthenticated', 'forbidden'] as const) : []),
    ...(operation.requestBody ? (['body-too-large', 'unsupported-media-type'] as const) : []),
    ...(isRepeatable(method, operation) ? (['idempotency-key-reused'] as const) : []),
    ...(takesIfMatch(operation) ? (['stale-revision'] as const) : []),
    ...(operation[NEEDS_ROOM] === true ? (['insufficient-capacity'] as const) : []),
    ...(operation[PROBLEMS] ?? []),
    'too-many-requests',
    'internal',
  ];
  return [...new Set(codes)];
}

function addProblems({ responses }: Operation, codes: readonly ProblemCode[]): void {
  const byStatus = Map.groupBy(codes, (code) => problems[code].status);
  for (const [status, group] of [...byStatus].sort(([one], [other]) => one - other)) {
    responses[status] = {
      description: group.map((code) => `\`${code}\``).join(', '),
      ...(status === 429 && { headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } } }),
      content: {
        'application/problem+json': {
          schema: problemSchema,
          examples: Object.fromEntries(group.map((code) => [code, exampleRef(code)])),
        },
      },
    };
  }
}

const exampleRef = (name: string) => ({ $ref: `#/components/examples/${name}` });

/** Those that the document refers to. */
function namedExamples(document: OpenAPIObject): Components[string] {
  const text = JSON.stringify(document.paths);
  const all = [
    ...Object.entries(examples).map(([name, value]) => [name, { value }] as const),
    ...problemCodes.map((code) => [code, { value: exampleOf(code) }] as const),
  ];
  return Object.fromEntries(all.filter(([name]) => text.includes(`"${exampleRef(name).$ref}"`)));
}

const exampleOf = (code: ProblemCode): Problem =>
  new ProblemError(code, `${problems[code].title}.`).toProblem('0198f2a4-7c11-4f0e-9d5e-3a1c5b7d9e02');

/** Of a tag without a description Redocly complains, and a test with it. */
function tagsOf(paths: Paths): { name: string; description?: string }[] {
  const names = Object.values(paths).flatMap((methods) => Object.values(methods).flatMap(({ tags }) => tags ?? []));
  return [...new Set(names)].sort().map((name) => {
    const description = tagDescriptions[name];
    return { name, ...(description !== undefined && { description }) };
  });
}

const sorted = <Value>(record: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
