import { defineAgent, defineWorkflow, type WorkflowRouteHandler } from '@flue/runtime';

export const route: WorkflowRouteHandler = async (_c, next) => next();

/** Can be started, but exports no `runs`: over HTTP its runs do not exist. */
export default defineWorkflow({
  agent: defineAgent(() => ({ model: 'faux-chat/m' })),
  async run({ log }) {
    log.info('hidden');
    return 1;
  },
});
