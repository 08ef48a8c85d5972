import { registerProvider } from '@flue/runtime';
import { flue } from '@flue/runtime/routing';
import { Hono } from 'hono';
import { open } from './gates.ts';

for (const id of ['chat', 'assistant']) {
  registerProvider(`faux-${id}`, { api: `faux-${id}` as any, baseUrl: '', contextWindow: 100000 });
}

const app = new Hono();
app.use('*', async (c, next) => {
  if (c.req.header('authorization') !== `Bearer ${process.env.FLUE_TOKEN}`) {
    const error = { type: 'unauthorized', message: 'Unauthorized', details: 'The bearer token is missing or wrong.' };
    return c.json({ error }, 401);
  }
  await next();
});
app.post('/gates/:name', (c) => {
  open(c.req.param('name'));
  return c.body(null, 204);
});
app.route('/api', flue());

export default app;
