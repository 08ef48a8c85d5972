// A workflow waits at a gate until a test opens it (POST /gates/NAME), so no test has to guess how long something takes.
const gates = new Map<string, PromiseWithResolvers<void>>();

function gate(name: string): PromiseWithResolvers<void> {
  let found = gates.get(name);
  if (!found) gates.set(name, (found = Promise.withResolvers<void>()));
  return found;
}

export const open = (name: string): void => gate(name).resolve();
export const opened = (name: string): Promise<void> => gate(name).promise;
