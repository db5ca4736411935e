/** Joining an organisation with an invite: `organisation.CODE`, from a link's fragment, a QR code or by hand. */
import { relay } from '../../api/ledger';
import { PlainError } from '../../api/http';
import { decodeCanonical, encode, label, namespace, sign } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../../crypto/hpke';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { Membership } from './profile';

export interface Invite {
  organisation: string;
  code: string;
}

export function readInvite(typed: string): Invite | null {
  const text = typed.replace(/\s/g, '').replace(/^.*#/, '');
  const match = /^([a-z0-9-]{1,32})\.([A-Za-z0-9_-]{4,64})$/.exec(text);
  return match ? { organisation: match[1]!, code: match[2]! } : null;
}

export async function enrol(around: Surroundings, invite: Invite, keys: PairwiseKeys): Promise<Membership> {
  const { network } = around;
  const organisation = network.byId.get(invite.organisation);
  if (!organisation) throw new PlainError('This invitation is from an organisation that this network does not know.');
  const body = {
    network: network.id,
    organisation: invite.organisation,
    invite: invite.code,
    patient: keys.publicKey,
    kemKey: keys.kem.publicKey,
  };
  const request = { ...body, signature: sign(keys.seed, namespace.enrolment, encode(f.EnrolmentBody, body)) };
  const info = hpkeInfo(label.hpkeEnrolmentRequest, network.id);
  const sealed = await sealEnvelope(organisation.kemKey, info, encode(f.EnrolmentRequest, request), keys.seed);
  const answer = decodeCanonical(f.SealedEnvelope, await relay.enrol(invite.organisation, sealed));
  const answerInfo = hpkeInfo(label.hpkeEnrolmentAnswer, network.id);
  const opened = await openEnvelope(keys.kem, answerInfo, answer, organisation.nodeKey);
  const { patient, name } = decodeCanonical(f.EnrolmentAnswer, opened);
  return { id: invite.organisation, patient, name, joinedMs: Date.now() };
}
