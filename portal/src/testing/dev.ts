/** `npm run dev`: Vite with the mock network (or, with SALUS_NODE=URL, a real node) behind it. */
import { createServer } from 'vite';
import { MockNode } from './server';

const MOCK_PORT = 8781;
if (!process.env.SALUS_NODE) await (await MockNode.start()).listen(MOCK_PORT);
const target = process.env.SALUS_NODE ?? `http://localhost:${MOCK_PORT}`;
const routes = ['/ledger', '/links', '/relay', '/account', '/staff', '/fhir', '/smart', '/mock-app'];
const server = await createServer({ server: { port: 5173, host: 'localhost', proxy: Object.fromEntries(routes.map((route) => [route, { target }])) } });
await server.listen();
server.printUrls();
