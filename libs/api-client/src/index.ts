export {
  createClient,
  requireSuccess,
  type BatchPlan,
  type Client,
  type ClientOptions,
  type Operation,
  type Plan,
  type WaitOptions,
} from './client.ts';
export type { CloudEvent, EventOptions, StreamedEvent } from './events.ts';
export type { components, operations, paths } from './generated/schema.ts';
export { ApiProblem, problemIn, type Problem } from './problem.ts';
export type { Exclusively, LogIn, SessionTokens } from './session.ts';
export { sendUpload, type UploadOptions, type UploadSource } from './upload.ts';
