// `@flue/sdk` as a contestant: node worker.mjs FOLDER BASE_URL HEADERS; the commands are those of worker.py.
// Version 1.0 reads runs, version 2 observes conversations.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, baseUrl, headers] = process.argv.slice(2);
const { createFlueClient } = await import(pathToFileURL(join(folder, 'node_modules/@flue/sdk/dist/index.mjs')));
const given = { headers: JSON.parse(headers) };
const client = createFlueClient({ baseUrl, url: baseUrl, ...given });

const memory = (field) =>
  Number(readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${field}:\\s+(\\d+)`, 'm'))[1]) * 1024;

const commands = {
  async count(run, live) {
    let events = 0;
    for await (const _ of client.runs.stream(run, { live })) events++;
    return { events };
  },
  async list(run) {
    return { events: (await client.runs.events(run)).length };
  },
  async check(run, live) {
    let events = 0;
    for await (const event of client.runs.stream(run, { live })) {
      if (event.eventIndex !== events++) throw new Error(`event ${event.eventIndex} out of order`);
    }
    return { events };
  },
  talk(run) {
    const total = Number(run.split('-')[2]);
    const observation = createFlueClient({ url: `${baseUrl}/runs/${run}`, ...given }).observe({ live: 'sse' });
    let handed = 0;
    return new Promise((resolve) => {
      observation.subscribe(() => {
        handed++;
        const text = observation.getSnapshot().conversation?.messages[0].parts[0]?.text;
        if (text?.endsWith(`word${total - 1} `)) {
          observation.close();
          resolve({ events: total, handed });
        }
      });
    });
  },
  async latency(run, live) {
    const late = [];
    for await (const event of client.runs.stream(run, { live })) {
      late.push(Number(process.hrtime.bigint()) - event.attributes.sent);
    }
    return { events: late.length, late };
  },
};

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit()); // also in the middle of a command
for await (const line of input) {
  const command = JSON.parse(line);
  writeFileSync('/proc/self/clear_refs', '5');
  const before = memory('VmRSS');
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  let answer;
  try {
    answer = await commands[command.do](command.run, command.live);
  } catch (error) {
    answer = { error: String(error) };
  }
  const used = process.cpuUsage(cpu);
  answer.wall = (performance.now() - wall) / 1000;
  answer.cpu = (used.user + used.system) / 1e6;
  console.log(JSON.stringify({ ...answer, before, peak: memory('VmHWM') }));
}
