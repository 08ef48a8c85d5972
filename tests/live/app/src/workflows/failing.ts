import { defineAgent, defineWorkflow, type WorkflowRouteHandler, type WorkflowRunsHandler } from '@flue/runtime';

export const route: WorkflowRouteHandler = async (_c, next) => next();
export const runs: WorkflowRunsHandler = async (_c, next) => next();

export default defineWorkflow({
  agent: defineAgent(() => ({ model: 'faux-chat/m' })),
  async run({ log }) {
    log.info('about to fail');
    throw new Error('asked to fail');
  },
});
