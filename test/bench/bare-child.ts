/** The least that an express service can do with a webhook: read the JSON, answer. For comparison. */
import type { AddressInfo } from 'node:net';
import express from 'express';

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.post('/', express.json({ limit: '1mb' }), (request, response) => {
  response.json({ alerts: (request.body as { readonly alerts: readonly unknown[] }).alerts.length });
});
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
