/** One line of the table: our figure beside that of a peer or a physical limit, measured in the same run. */
export interface Row {
  /** What was done, with its size. */
  readonly work: string;
  readonly ours: string;
  readonly beside: string;
  /** Ours over theirs, or where more is better theirs over ours is not used: the bar says which way is good. */
  readonly ratio: number;
  readonly bar: string;
  readonly met: boolean;
}

/** Measures one or more rows; `log` tells how far it is. */
export type Measurement = (log: (line: string) => void) => Promise<Row[]>;
