// What the TypeScript SDK makes of a conversation, as one JSON value on standard output.
//
// usage: node sdk.mjs URL TOKEN < steps.json
// A step: ["send", options] | ["read", admission] | ["history"] | ["observe", live mode] | ["attachmentUrl", id]
// The answer to each: {"value": ...} or {"error": {"name", "message", ...}}; that of `read` has its "events".
import { createFlueClient } from '@flue/sdk';

const [url, token] = process.argv.slice(2);
let input = '';
for await (const piece of process.stdin) input += piece;
const client = createFlueClient({ url, token });
const answers = [];

async function called(method, ...given) {
  try {
    return { value: (await client[method](...given)) ?? null };
  } catch (error) {
    return failure(error);
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
  const events = [];
  if (method === 'observe') answers.push(await observed(argument));
  else if (method !== 'read') answers.push(await called(method, argument));
  else answers.push({ ...(await called(method, argument, { onEvent: (event) => void events.push(event) })), events });
}
process.stdout.write(JSON.stringify(answers));
process.exit(0);
