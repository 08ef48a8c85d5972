import {
  defineAgent,
  defineTool,
  defineWorkflow,
  type WorkflowRouteHandler,
  type WorkflowRunsHandler,
} from '@flue/runtime';
import * as v from 'valibot';
import { fauxAssistantMessage, fauxModel, fauxText, fauxThinking, fauxToolCall } from '../faux.ts';

export const route: WorkflowRouteHandler = async (_c, next) => next();
export const runs: WorkflowRunsHandler = async (_c, next) => next();

const calculator = defineTool({
  name: 'calculator',
  description: 'adds',
  input: v.object({ a: v.number(), b: v.number() }),
  run: async ({ input }) => String(input.a + input.b),
});

/** A model that thinks, calls a tool and answers, then a shell command: most of the event types in one run. */
export default defineWorkflow({
  agent: defineAgent(() => ({
    model: fauxModel('chat', [
      fauxAssistantMessage(
        [fauxThinking('let me think about it'), fauxToolCall('calculator', { a: 2, b: 40 })],
        { stopReason: 'toolUse' },
      ),
      fauxAssistantMessage(fauxText('The answer is 42. Ünïcödé ✓ 🎉')),
    ]),
    tools: [calculator],
  })),
  input: v.object({ text: v.string() }),
  async run({ harness, input, log }) {
    const session = await harness.session();
    const reply = await session.prompt(input.text);
    log.warn('done', { text: reply.text });
    await session.shell('echo hi');
    return { summary: reply.text };
  },
});
