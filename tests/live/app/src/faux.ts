import { registerFauxProvider } from './pi-ai.ts';

/** A model that gives the prepared answers in turn; each agent that asks for it starts again at the first. */
export function fauxModel(id: string, answers: any[]): string {
  const faux = registerFauxProvider({ api: `faux-${id}`, provider: `faux-${id}`, models: [{ id: 'm' }] });
  faux.setResponses(answers);
  return `faux-${id}/m`;
}

export { fauxAssistantMessage, fauxText, fauxThinking, fauxToolCall } from './pi-ai.ts';
