import { z } from 'zod';
import { givenName } from '../given-name.ts';
import { Timestamp } from '../ids.ts';
import { secret } from '../secret.ts';
import { permissions, roles } from './permissions.ts';
import { weaknessOf } from './weak-passwords.ts';

export const Role = z.enum(roles).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;
export const Permission = z.enum(permissions).meta({ id: 'Permission' });
export type Permission = z.infer<typeof Permission>;

export const Username = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
    'A user name has 1 to 64 letters, digits, dots, hyphens and underscores.',
  )
  .meta({ id: 'Username' });

/** bcrypt reads no more than 72 bytes, so a longer one would be cut in silence. */
export const Password = secret(
  z
    .string()
    .min(12, { error: 'A password has at least 12 characters.', abort: true })
    .refine((password) => new TextEncoder().encode(password).length <= 72, {
      error: 'A password has at most 72 bytes.',
      abort: true,
    })
    .superRefine((password, { addIssue }) => {
      const weakness = weaknessOf(password);
      if (weakness !== undefined) addIssue(weakness);
    }),
).meta({ id: 'Password', format: 'password' });

/** Any password, strong or not: what somebody says that theirs is. */
const GivenPassword = secret(z.string().min(1).max(1_024));

export const LoginInput = z
  .strictObject({
    username: z.string().min(1).max(64),
    password: GivenPassword,
    session: z
      .enum(['token', 'cookie'])
      .optional()
      .describe(
        'Where the refresh token is kept: in the answer (`token`, the default), or in a cookie that no script can read (`cookie`, for browsers).',
      ),
  })
  .meta({ id: 'LoginInput' });
export type LoginInput = z.infer<typeof LoginInput>;

export const RefreshInput = z
  .strictObject({
    refreshToken: secret(z.string().min(1).max(512)).optional().describe('Left out when a cookie holds it.'),
  })
  .meta({ id: 'RefreshInput' });
export type RefreshInput = z.infer<typeof RefreshInput>;

export const TokenPair = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    expiresIn: z.int().describe('Of the access token, in seconds.'),
  })
  .meta({ id: 'TokenPair' });
export type TokenPair = z.infer<typeof TokenPair>;

/** The answer to whoever keeps the session in a cookie: no script ever holds the refresh token. */
export const CookieSession = TokenPair.omit({ refreshToken: true }).meta({ id: 'CookieSession' });
export type CookieSession = z.infer<typeof CookieSession>;

export const SessionAnswer = z.union([TokenPair, CookieSession]).meta({ id: 'SessionAnswer' });
export type SessionAnswer = z.infer<typeof SessionAnswer>;

export const User = z
  .object({
    id: z.uuid(),
    username: Username,
    role: Role,
    disabled: z.boolean(),
    createdAt: Timestamp,
    lastLoginAt: Timestamp.optional(),
    revision: z.int(),
  })
  .meta({ id: 'User' });
export type User = z.infer<typeof User>;

export const CreateUserInput = z
  .strictObject({ username: Username, password: Password, role: Role })
  .superRefine(({ username, password }, { addIssue }) => {
    const weakness = weaknessOf(password, username);
    if (weakness !== undefined) addIssue({ code: 'custom', path: ['password'], message: weakness });
  })
  .meta({ id: 'CreateUserInput' });
export type CreateUserInput = z.infer<typeof CreateUserInput>;

export const EditUserInput = z
  .strictObject({
    password: Password.optional(),
    role: Role.optional(),
    disabled: z.boolean().optional(),
    tokens: z
      .enum(['end', 'keep'])
      .optional()
      .describe(
        'With a new password: whether the API tokens of the user end with its sessions (`end`, the default) or go on working (`keep`).',
      ),
  })
  .refine(({ password, role, disabled }) => [password, role, disabled].some((field) => field !== undefined), {
    error: 'Nothing to change.',
  })
  .refine(({ password, tokens }) => tokens === undefined || password !== undefined, {
    path: ['tokens'],
    error: 'This goes with a new password.',
  })
  .meta({ id: 'EditUserInput' });
export type EditUserInput = z.infer<typeof EditUserInput>;

/** A list as its user has arranged it, under a name. */
export const SavedView = z
  .strictObject({
    name: givenName(80),
    page: z
      .string()
      .regex(/^[a-z][a-z-]{0,39}$/, 'A page is a word in lower case.')
      .describe('The list it is of: `machines`.'),
    query: z.string().max(4_096).describe('Filter, order and columns, as the query of an address has them.'),
  })
  .meta({ id: 'SavedView' });
export type SavedView = z.infer<typeof SavedView>;

/** What a user has chosen for every browser. */
export const Preferences = z
  .strictObject({
    language: z
      .string()
      .regex(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'A language is a tag such as `en` or `fr-CA`.')
      .max(35)
      .optional(),
    theme: z.enum(['light', 'dark', 'system']).optional(),
    density: z.enum(['comfortable', 'compact']).optional(),
    columns: z
      .record(z.string().min(1).max(40), z.array(z.string().min(1).max(40)).max(40))
      .optional()
      .describe('Columns that are shown, in order, by list.'),
    views: z.array(SavedView).max(100).optional(),
  })
  .refine((preferences) => new TextEncoder().encode(JSON.stringify(preferences)).length <= 65_536, {
    message: 'Preferences have at most 64 KiB as JSON.',
  })
  .meta({ id: 'Preferences' });
export type Preferences = z.infer<typeof Preferences>;

export const EditMeInput = z
  .strictObject({
    preferences: Preferences.describe('Each field that is given replaces the one that was kept; others stay.'),
  })
  .meta({ id: 'EditMeInput' });
export type EditMeInput = z.infer<typeof EditMeInput>;

export const ChangePasswordInput = z
  .strictObject({ current: GivenPassword, password: Password })
  .meta({ id: 'ChangePasswordInput' });
export type ChangePasswordInput = z.infer<typeof ChangePasswordInput>;

export const ConfirmInput = z.strictObject({ password: GivenPassword }).meta({ id: 'ConfirmInput' });
export type ConfirmInput = z.infer<typeof ConfirmInput>;

export const LogInLinkInput = z.strictObject({ password: GivenPassword }).meta({ id: 'LogInLinkInput' });
export type LogInLinkInput = z.infer<typeof LogInLinkInput>;

export const LogInLink = z
  .object({
    link: z.string().describe('To put behind `/welcome#` of the web console. Whoever has it first sets the password.'),
    expiresAt: Timestamp,
  })
  .meta({ id: 'LogInLink' });
export type LogInLink = z.infer<typeof LogInLink>;

export const UseLinkInput = z
  .strictObject({ link: secret(z.string().min(1).max(512)), password: Password.describe('The new password.') })
  .meta({ id: 'UseLinkInput' });
export type UseLinkInput = z.infer<typeof UseLinkInput>;

export const LinkedUser = z.object({ username: Username }).meta({ id: 'LinkedUser' });
export type LinkedUser = z.infer<typeof LinkedUser>;

export const Confirmation = z
  .object({ confirmedUntil: Timestamp.describe('Until then this session may change who may do what.') })
  .meta({ id: 'Confirmation' });
export type Confirmation = z.infer<typeof Confirmation>;

/** One log-in of the user who asks. */
export const Session = z
  .object({
    id: z.uuid(),
    createdAt: Timestamp,
    lastUsedAt: Timestamp.describe('When it was last renewed, which happens every 15 minutes while it is in use.'),
    expiresAt: Timestamp.describe('When it ends if it is not renewed before.'),
    address: z.string().describe('IP address of the log-in.'),
    client: z.string().optional().describe('What the program that logged in calls itself.'),
    current: z.boolean().describe('Whether it is the one that asks.'),
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof Session>;

/** Who is asking. */
export const Me = z
  .object({
    user: User,
    permissions: z.array(Permission),
    preferences: Preferences,
    token: z.object({ id: z.uuid(), name: z.string() }).optional().describe('Present when an API token asks.'),
    confirmedUntil: Timestamp.optional().describe(
      'Until then this session may change users and tokens; `POST /auth/confirm` renews it. Absent when the password has to be given first.',
    ),
  })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;

export const CreateTokenInput = z
  .strictObject({
    name: givenName(80),
    scopes: z.array(Permission).min(1).describe('At most what the owner may do.'),
    expiresAt: Timestamp.describe('At most a year ahead.'),
  })
  .meta({ id: 'CreateTokenInput' });
export type CreateTokenInput = z.infer<typeof CreateTokenInput>;

export const ApiToken = z
  .object({
    id: z.uuid(),
    name: z.string(),
    owner: Username,
    prefix: z.string().describe('First characters of the secret, to tell tokens apart.'),
    scopes: z.array(Permission),
    createdAt: Timestamp,
    expiresAt: Timestamp,
    lastUsedAt: Timestamp.optional(),
  })
  .meta({ id: 'ApiToken' });
export type ApiToken = z.infer<typeof ApiToken>;

export const CreatedToken = ApiToken.extend({ secret: z.string().describe('Shown this once.') }).meta({
  id: 'CreatedToken',
});
export type CreatedToken = z.infer<typeof CreatedToken>;

export const AuditRecord = z
  .object({
    id: z.uuid(),
    at: Timestamp,
    actor: z.string().describe('User name, with the token behind a slash; `-` when nobody was logged in.'),
    address: z.string().describe('IP address the request came from.'),
    action: z.string().describe('Verb of the operation or of the change: `vm.start`, `user.created`, `auth.login`.'),
    target: z.string().optional(),
    detail: z.string().optional().describe('What changed: `role: viewer → operator`.'),
    outcome: z.enum(['accepted', 'succeeded', 'failed', 'cancelled', 'refused']),
    code: z.string().optional().describe('Code of the problem, when there was one.'),
    requestId: z.string().describe('Id that the gateway gave the request.'),
    clientRequestId: z.string().optional().describe('What the client called it in `X-Request-Id`.'),
    operationId: z.string().optional(),
    sequence: z
      .int()
      .optional()
      .describe('Its latest link in the chain that `GET /audit/verify` follows. It comes moments after the record.'),
  })
  .meta({ id: 'AuditRecord' });
export type AuditRecord = z.infer<typeof AuditRecord>;

/** What is wrong with the audit. */
export const AuditFault = z
  .object({
    kind: z.enum(['changed', 'removed', 'unlinked', 'chain', 'head']),
    sequence: z.int().optional(),
    recordId: z.string().optional(),
    detail: z.string(),
  })
  .meta({ id: 'AuditFault' });
export type AuditFault = z.infer<typeof AuditFault>;

export const AuditVerdict = z
  .object({
    intact: z.boolean(),
    records: z.int().describe('Records that there are.'),
    links: z
      .int()
      .describe('Links of the chain: one for each record, and one more for each whose operation ended after it.'),
    unlinked: z
      .int()
      .describe(
        'Records that a gateway has signed and not put into the chain yet, which takes it a moment. Until then they can be removed together with the memory of that gateway.',
      ),
    head: z.string().describe('Hash of the last link. Kept elsewhere, it proves what was there today.'),
    faults: z.array(AuditFault).describe('The first hundred.'),
  })
  .meta({ id: 'AuditVerdict' });
export type AuditVerdict = z.infer<typeof AuditVerdict>;
