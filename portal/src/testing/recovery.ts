/** What organisations of the mock network do about recovery: keep shares, give codes, answer new devices. */
import { addressOf, decodeCanonical, encode, equal, fromHex, namespace, recoveryDevice, signTransaction, stateKey, toHex, utf8, verifySignature, type Bytes } from '../crypto';
import * as f from '../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../crypto/hpke';
import { label } from '../crypto/labels';
import type { MockChain } from './chain';

interface Code {
  organisation: string;
  owner: string;
  device?: string;
}

export class MockRecovery {
  /** By `organisation/address`. */
  readonly kept = new Map<string, f.RecoveryShare>();
  private readonly codes = new Map<string, Code>();
  constructor(
    private readonly chain: MockChain,
    private readonly rekey: (old: Bytes, fresh: Bytes, kemKey: Bytes) => Promise<boolean> = async () => true,
  ) {}

  /** The desk gives a code for whoever has an address there. */
  giveCode(organisation: string, patientKey: Uint8Array, code: string): void {
    this.codes.set(`${organisation}.${code}`, { organisation, owner: `${organisation}/${toHex(addressOf(patientKey))}` });
  }

  /** `null` where the node would refuse. */
  async answer(organisation: string, envelope: f.SealedEnvelope): Promise<f.SealedEnvelope | null> {
    const { seed, kem } = this.chain.organisation(organisation);
    const opened = await openEnvelope(kem, hpkeInfo(label.hpkeRecoveryLetter, this.chain.id), envelope, envelope.sender);
    const letter = decodeCanonical(f.RecoveryLetter, opened);
    if (letter.organisation !== organisation || !equal(letter.network, this.chain.id)) return null;
    const document = letter.kind === 'RecoveryDeposit' ? this.keep(letter, envelope.sender) : letter.kind === 'Rekey' ? await this.replace(letter, envelope.sender) : this.ask(organisation, letter);
    if (!document) return null;
    return sealEnvelope(letter.kemKey, hpkeInfo(label.hpkeRecoveryAnswer, this.chain.id), utf8(JSON.stringify(document)), seed);
  }

  private keep(letter: Extract<f.RecoveryLetter, { kind: 'RecoveryDeposit' }>, sender: Uint8Array): unknown {
    const signed = verifySignature(letter.patient, namespace.recovery, encode(f.RecoveryDepositBody, letter), letter.signature);
    if (!signed || !equal(sender, letter.patient)) return null;
    const at = `${letter.organisation}/${toHex(addressOf(letter.patient))}`;
    if (letter.share) this.kept.set(at, letter.share);
    else this.kept.delete(at);
    return { kept: letter.share && toHex(letter.share.recovery) };
  }

  private async replace(letter: Extract<f.RecoveryLetter, { kind: 'Rekey' }>, sender: Uint8Array): Promise<unknown> {
    const byOld = verifySignature(letter.old, namespace.rekey, encode(f.RekeyByOld, letter), letter.oldSignature);
    const byNew = verifySignature(letter.new, namespace.rekey, encode(f.RekeyByNew, letter), letter.newSignature);
    if (!byOld || !byNew || !equal(sender, letter.new) || !(await this.rekey(letter.old, letter.new, letter.kemKey))) return null;
    this.kept.delete(`${letter.organisation}/${toHex(addressOf(letter.old))}`);
    return { address: toHex(addressOf(letter.new)) };
  }

  private ask(organisation: string, letter: Extract<f.RecoveryLetter, { kind: 'RecoveryAsk' }>): unknown {
    const code = this.codes.get(`${organisation}.${letter.code}`);
    const device = recoveryDevice(letter.kemKey);
    const share = code && this.kept.get(code.owner);
    if (!code || !share || (code.device ?? toHex(device)) !== toHex(device)) return null;
    code.device = toHex(device);
    const [number, entry] = this.attempt(organisation, share.recovery, device);
    const ledgerMs = this.chain.nowMs();
    const state = entry.cancelled !== null ? 'cancelled' : ledgerMs < entry.readyMs ? 'waiting' : 'ready';
    const given = state === 'ready' ? { share: { counter: share.counter, index: share.index, value: toHex(share.value) } } : {};
    return { recovery: toHex(share.recovery), number, state, startedMs: entry.timeMs, readyMs: entry.readyMs, ledgerMs, ...given };
  }

  private attempt(organisation: string, recovery: Uint8Array, device: Uint8Array): [number, f.RecoveryEntry] {
    for (let number = 0; ; number++) {
      const key = toHex(stateKey.recovery(recovery, number));
      const { seed } = this.chain.organisation(organisation);
      if (!this.chain.state.has(key)) {
        this.chain.submit(signTransaction(this.chain.id, seed, 1_000_000, { kind: 'StartRecovery', organisation, recovery: fromHex(toHex(recovery)), number, device: fromHex(toHex(device)) }));
      }
      const entry = decodeCanonical(f.RecoveryEntry, this.chain.state.get(key)!);
      if (equal(entry.device, device)) return [number, entry];
    }
  }
}
