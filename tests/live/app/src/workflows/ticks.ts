import { defineAgent, defineWorkflow, type WorkflowRouteHandler, type WorkflowRunsHandler } from '@flue/runtime';
import * as v from 'valibot';
import { opened } from '../gates.ts';

export const route: WorkflowRouteHandler = async (_c, next) => next();
export const runs: WorkflowRunsHandler = async (_c, next) => next();

/** One log event a tick, `pad` characters long; from tick `free` on, tick i waits until the gate `<gate>-<i>` is open. */
export default defineWorkflow({
  agent: defineAgent(() => ({ model: 'faux-chat/m' })),
  input: v.object({
    count: v.number(),
    pad: v.optional(v.number(), 0),
    gate: v.optional(v.string()),
    free: v.optional(v.number(), 0),
  }),
  async run({ log, input }) {
    for (let i = 0; i < input.count; i++) {
      if (input.gate && i >= input.free) await opened(`${input.gate}-${i}`);
      log.info(`tick ${i}`, { i, pad: 'x'.repeat(input.pad) });
    }
    return { ticks: input.count };
  },
});
