// What the TypeScript SDK makes of a conversation, as one JSON value on standard output.
//
// usage: node sdk.mjs URL TOKEN < steps.json
// A step: ["send", options] | ["read", index of an earlier send or a submission id] | ["wait", the same]
//   | ["history"] | ["observe", live mode] | ["abort"] | ["attachmentUrl", id]
// The answer to each: {"value": ...} or {"error": {"name", "message", ...}}; `read` and `wait` add their "events".
import { createFlueClient } from '@flue/sdk';

const [url, token] = process.argv.slice(2);
let input = '';
for await (const piece of process.stdin) input += piece;
const client = createFlueClient({ url, token });
const answers = [];

async function follow(method, target) {
  const events = [];
  try {
    const admission = typeof target === 'number' ? answers[target].value : target;
    const value = await client[method](admission, { onEvent: (event) => void events.push(event) });
    return { value: value ?? null, events };
  } catch (error) {
    return { ...failure(error), events };
  }
}

/** The state once the conversation is at rest: live, and nothing has changed for a second. */
function observed(live) {
  return new Promise((resolve) => {
    const observation = client.observe({ live });
    let timer;
    const look = () => {
      const { phase, error, conversation } = observation.getSnapshot();
      clearTimeout(timer);
      if (phase === 'absent' || phase === 'error') finish({ value: { phase, error: error && failure(error).error } });
      if (phase === 'live') timer = setTimeout(() => finish({ value: { phase, conversation } }), 1000);
    };
    const unsubscribe = observation.subscribe(look);
    const finish = (answer) => {
      clearTimeout(timer);
      unsubscribe();
      observation.close();
      resolve(answer);
    };
    look();
  });
}

function failure(error) {
  const { name, message, status, body, ref, target, targetId, failure: kind, error: cause } = error;
  return { error: { name, message, status, body, ref, target, targetId, failure: kind, error: cause } };
}

for (const [method, argument] of JSON.parse(input)) {
  if (method === 'read' || method === 'wait') answers.push(await follow(method, argument));
  else if (method === 'observe') answers.push(await observed(argument));
  else {
    try {
      answers.push({ value: (await client[method](argument)) ?? null });
    } catch (error) {
      answers.push(failure(error));
    }
  }
}
process.stdout.write(JSON.stringify(answers));
process.exit(0);
