/** `npm run mock`: the built portal with an invented network behind it. MOCK_DATA names a folder of Synthea bundles. */
import { MockNode } from './server';
import { syntheaPatients } from './synthea';

const port = Number(process.env.PORT ?? 8780);
const more = process.env.MOCK_DATA ? syntheaPatients(process.env.MOCK_DATA, 6) : [];
const node = await MockNode.start({ more });
await node.listen(port);
console.log(`Portal with a mock network: http://localhost:${port}`);
console.log('Invitations: hospital-a.WELCOME-1 and hospital-b.WELCOME-1 (one person), hospital-a.WELCOME-2');
more.forEach((patient, at) => console.log(`  hospital-a.WELCOME-${at + 7}: ${patient.name}, ${patient.records.length} records`));
console.log('Joining codes: DOCTOR-1 at /clinic, STEWARD-1 at /steward');
