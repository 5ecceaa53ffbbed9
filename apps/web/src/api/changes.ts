import type { Call } from './calls.ts';
import { client, type BatchPlan, type Operation, type Plan, type Preferences } from './client.ts';

/** Sends a change. Throws an `ApiProblem`. */
export const send = (call: Call, ifMatch?: string): Promise<Operation> => request<Operation>(call, ifMatch);

/** What a change would do; nothing is changed. Throws the `ApiProblem` that the change would end with. */
export const planOf = ({ path, ...call }: Call, ifMatch?: string): Promise<Plan> =>
  request<Plan>({ ...call, path: `${path}${path.includes('?') ? '&' : '?'}dryRun=true` }, ifMatch);

/** The same for a batch, for each of its machines. */
export const batchPlanOf = ({ path, ...call }: Call): Promise<BatchPlan> =>
  request<BatchPlan>({ ...call, path: `${path}?dryRun=true` });

async function request<Answer>({ method, path, body }: Call, ifMatch?: string): Promise<Answer> {
  // The paths are those of the client; only here are they put together, so that a call can be shown before it is made.
  const call = client[method] as unknown as (path: string, init: object) => Promise<{ data: Answer }>;
  const { data } = await call(path, {
    ...(body !== undefined && { body }),
    ...(ifMatch !== undefined && { headers: { 'If-Match': ifMatch } }),
  });
  return data;
}

export const savePreferences = async (preferences: Preferences) =>
  (await client.PATCH('/api/v1/auth/me', { body: { preferences } })).data;
