/** Variable that names a JSON file: the tests of each file that are to be run, by their full names; an empty list stands for all. */
export const ONLY = 'POLYVIRT_TEST_ONLY';

/** What the reporter inside Jest sends to the runner. Files are relative to the root of the repository. */
export type JestMessage =
  | { kind: 'begin'; files: number }
  | { kind: 'waiting'; file: string }
  | { kind: 'passing'; file: string }
  | { kind: 'failing'; test: TestName }
  | FileMessage
  | { kind: 'end' };

/** The answer to a file that waits: there is room for it now. */
export interface GoMessage {
  go: string;
}

export interface TestName {
  file: string;
  /** With the names of the blocks it is in; absent: the file as a whole. */
  name?: string;
}

export interface TestEnd {
  name: string;
  status: 'passed' | 'failed' | 'skipped';
  ms: number;
}

/** A file has been run. */
export interface FileMessage {
  kind: 'file';
  file: string;
  ms: number;
  tests: TestEnd[];
  /** What failed, as Jest shows it. */
  failure?: string;
  /** It failed outside its tests: it cannot be loaded, or its clean-up throws. */
  isBroken?: true;
}
