export type { Bench, HostFile, OtherTool, SeenVm } from './bench.ts';
export { describeDriver, type DescribeDriverOptions } from './describe-driver.ts';
export type { ConformanceReport, ReportRow, StateRow } from './report.ts';
export { Dice } from './random-life/dice.ts';
export { describeRandomLife, type RandomLifeOptions } from './random-life/describe-random-life.ts';
export { PlannedDriver } from './planned-driver.ts';
export { expectProblem } from './suite.ts';
export { Death, TestOperation, type Cut } from './test-operation.ts';
export { isoOf, MemorySource, sha256Of } from './image-content.ts';
