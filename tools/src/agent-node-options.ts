/**
 * How Node runs an agent, wherever one is started. Sweeps make much that is soon forgotten: a small nursery, and an old
 * generation that is kept tight, halve an agent with a thousand VMs, for three hundredths of a core. The HTTP client parses in
 * WebAssembly, which the optimizing compiler would spend ten MiB on.
 */
export const AGENT_NODE_OPTIONS: readonly string[] = [
  '--max-semi-space-size=2',
  '--optimize-for-size',
  '--liftoff-only',
];
