import { type AgentRouteHandler, defineAgent } from '@flue/runtime';
import { fauxAssistantMessage, fauxModel, fauxText } from '../faux.ts';

export const route: AgentRouteHandler = async (_c, next) => next();

/** Tells what it was sent: the last user message's text, and how many images came with it. */
function echo(context: any) {
  const { content } = context.messages.findLast((message: any) => message.role === 'user');
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const said = parts.filter((part: any) => part.type === 'text').map((part: any) => part.text).join('');
  const images = parts.filter((part: any) => part.type === 'image').length;
  if (said.includes('fail')) {
    return fauxAssistantMessage([], { stopReason: 'error', errorMessage: 'the model was told to fail' });
  }
  return fauxAssistantMessage(fauxText(`You said: ${said} (${images} images)`));
}

export default defineAgent(() => ({
  model: fauxModel('assistant', Array.from({ length: 50 }, () => echo)),
  instructions: 'be brief',
}));
