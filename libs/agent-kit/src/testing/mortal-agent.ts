import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@polyvirt/bus/testing';
import { isEnded, type Command } from '@polyvirt/contracts';
import type { AgentBench } from './agent-bench.ts';
import type { AgentChild } from './agent-child.ts';
import type { KillOrder } from './kill-orders.ts';

/** Sooner or later every operation gets by with fewer writes. */
const mostWrites = 60;
const endWithinMs = 40_000;

/** A command whose agent is killed while it is carried out. */
export interface KillScenario {
  readonly title: string;
  /** Makes what the command needs, and answers it. Nothing is killed meanwhile. */
  prepare(name: string): Promise<Command>;
  /** Pushes an operation that would not end by itself. */
  push?(command: Command): Promise<void>;
  /** How it ends, `succeeded` by default. */
  readonly status?: 'succeeded' | 'failed' | 'cancelled';
  /** What the host and the stream have to look like when it has ended. */
  check(command: Command, name: string): Promise<void> | void;
}

/** An agent in a process of its own that is killed, and started again, in the course of operations. */
export class MortalAgent {
  static #names = 0;
  readonly #bench: AgentBench;
  readonly #spawn: () => AgentChild;
  #child: AgentChild | undefined;

  constructor(bench: AgentBench, spawn: () => AgentChild) {
    this.#bench = bench;
    this.#spawn = spawn;
  }

  /** The process; a new one when the last was killed. */
  async alive(): Promise<AgentChild> {
    if (!this.#child?.isAlive) this.#child = await this.#spawn().ready();
    return this.#child;
  }

  async stop(): Promise<void> {
    await this.#child?.end('SIGTERM');
  }

  /**
   * Carries the scenario out again and again, and kills the agent at the first write to the bus, at the second and so on,
   * until the operation gets by without a kill.
   */
  async killAtEveryWrite(scenario: KillScenario, moment: KillOrder['moment']): Promise<void> {
    let write = 1;
    for (let died = true; died; write += 1) {
      assert(write < mostWrites);
      try {
        died = await this.#carryOut(scenario, { write, moment });
      } catch (error) {
        throw new Error(`killed ${moment} write ${write}`, { cause: error });
      }
    }
    // It was really killed, and more than once.
    assert(write > 4, `it was killed at ${write - 2} writes only`);
    await this.#bench.queueEmpty();
  }

  /** Carries the scenario out once. The agent is killed when `isTime` resolves, and started when `whileDead` has. */
  async killOnce(
    scenario: KillScenario,
    isTime: () => Promise<void>,
    whileDead: () => Promise<unknown> = async () => {},
  ): Promise<void> {
    const name = this.#name();
    const child = await this.alive();
    const command = await scenario.prepare(name);
    await this.#bench.send(command);
    await isTime();
    await child.end('SIGKILL');
    await whileDead();
    await this.alive();
    await this.#end(scenario, command);
    await this.#verify(scenario, command, name);
  }

  /** True when the agent died of it. */
  async #carryOut(scenario: KillScenario, order: KillOrder): Promise<boolean> {
    const name = this.#name();
    const child = await this.alive();
    const command = await scenario.prepare(name);
    await child.order(order);
    await this.#bench.send(command);
    while (child.isAlive && !this.#hasEnded(command)) {
      // An agent that dies of it answers no push.
      await Promise.race([child.exited, scenario.push?.(command)]);
      await Promise.race([child.exited, sleep(10)]);
    }
    // The last write comes after the end has been told, and the acknowledgement after it.
    if (child.isAlive) await Promise.race([child.exited, this.#bench.queueEmpty()]);
    const died = !child.isAlive;
    if (died) {
      await this.alive();
      await this.#end(scenario, command);
    }
    await this.#verify(scenario, command, name);
    return died;
  }

  async #end(scenario: KillScenario, command: Command): Promise<void> {
    await eventually(async () => {
      if (!this.#hasEnded(command)) await scenario.push?.(command);
      assert(this.#hasEnded(command), 'the operation has not ended');
    }, endWithinMs);
    await eventually(async () => {
      const entry = await this.#bench.journalled(command);
      assert(entry && 'told' in entry && entry.told, 'the journal does not know that its end was told');
    });
  }

  async #verify({ status = 'succeeded', check }: KillScenario, command: Command, name: string): Promise<void> {
    const types = this.#bench.events
      .filter(({ event }) => event.subject === command.operationId && event.type !== 'operation.progressed')
      .map(({ event }) => event.type);
    const { error } = this.#bench.operationEvents(command.operationId).at(-1)!;
    assert.deepEqual(types, ['operation.started', `operation.${status}`], JSON.stringify({ types, error }));
    await check(command, name);
  }

  #hasEnded({ operationId }: Command): boolean {
    return this.#bench.operationEvents(operationId).some(({ status }) => isEnded(status));
  }

  #name(): string {
    return `vm-${(MortalAgent.#names += 1)}`;
  }
}
