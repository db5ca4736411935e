import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { fromUtf8, toHex, utf8 } from '../../crypto';
import { readInvite } from './enrol';
import { grantKeys, openUnder, pairwiseKeys, sealUnder } from './keys';
import { emptyProfile, isStopping, mergeProfiles, type GrantRecord } from './profile';
import { newRecoveryCode, readRecoveryCode, recoveryCodeText, recoveryLocator } from './recoveryCode';
import { LocalCopy } from './store';
import { currentRecords, type RecordItem } from './sync';

const root = new Uint8Array(32).fill(3);

describe('a recovery code', () => {
  it('survives being printed, read aloud and typed', () => {
    for (let round = 0; round < 50; round++) {
      const code = newRecoveryCode();
      const text = recoveryCodeText(code);
      expect(text).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
      expect(readRecoveryCode(text.toLowerCase().replace(/-/g, ' ').replace(/1/g, 'l').replace(/0/g, 'o'))).toEqual(code);
    }
  });
  it('says what is wrong with a wrong one', () => {
    const text = recoveryCodeText(new Uint8Array(16).fill(9));
    expect(readRecoveryCode(text.slice(0, -1))).toBe('short');
    expect(readRecoveryCode(`${text}A`)).toBe('long');
    expect(readRecoveryCode(text.replace(/.$/, '!'))).toBe('letter');
    let slips = 0;
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '-') continue;
      const bad = text.slice(0, at) + (text[at] === '7' ? '8' : '7') + text.slice(at + 1);
      if (readRecoveryCode(bad) !== 'check') slips++;
    }
    expect(slips).toBe(0);
  });
  it('finds its slot by a value that does not tell the code', () => {
    expect(recoveryLocator(new Uint8Array(16))).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('keys', () => {
  it('differ by organisation and by grant', async () => {
    const [a, b] = [await pairwiseKeys(root, 'hospital-a'), await pairwiseKeys(root, 'hospital-b')];
    const all = [a.publicKey, b.publicKey, a.address, grantKeys(root, 'hospital-a', 0).publicKey, grantKeys(root, 'hospital-a', 1).publicKey, grantKeys(root, 'hospital-b', 0).publicKey];
    expect(new Set(all.map(toHex)).size).toBe(all.length);
  });
  it('seal differently each time and open only under their own use', async () => {
    const [one, two] = [await sealUnder('use', root, utf8('x')), await sealUnder('use', root, utf8('x'))];
    expect(toHex(one)).not.toBe(toHex(two));
    expect(fromUtf8(await openUnder('use', root, one))).toBe('x');
    await expect(openUnder('other', root, one)).rejects.toThrow();
    await expect(openUnder('use', root, one.slice(0, -1))).rejects.toThrow();
  });
});

describe('an invitation', () => {
  it('is read from a link, a scan or by hand', () => {
    const invite = { organisation: 'hospital-a', code: 'K7Q2-MX9P' };
    for (const typed of ['hospital-a.K7Q2-MX9P', ' https://x.example/join#hospital-a.K7Q2-MX9P ', 'hospital-a. K7Q2-MX9P']) expect(readInvite(typed)).toEqual(invite);
    for (const typed of ['', 'hospital-a', '.CODE1', 'Hospital A.CODE']) expect(readInvite(typed)).toBeNull();
  });
});

describe('a profile on two devices', () => {
  it('keeps what either knows, and what has ended stays ended', () => {
    const grant = (id: string, state: GrantRecord['state']) => ({ id, state }) as GrantRecord;
    const a = { ...emptyProfile('n'), grants: [grant('1', 'revoked'), grant('2', 'made')], seenMs: 5, answered: ['x'] };
    const b = { ...emptyProfile('n'), grants: [grant('1', 'active'), grant('3', 'active')], organisations: [{ id: 'o', patient: 'p', name: '', joinedMs: 1 }] };
    const merged = mergeProfiles(a, b);
    expect(merged.grants.map(({ id, state }) => `${id} ${state}`)).toEqual(['1 revoked', '2 made', '3 active']);
    expect(merged).toMatchObject({ seenMs: 5, answered: ['x'], organisations: [{ id: 'o' }] });
  });
});

describe('a wish to stop sharing', () => {
  const grant = (part: Partial<GrantRecord>) => ({ id: '1', state: 'active', ...part }) as GrantRecord;
  const merged = (a: Partial<GrantRecord>, b: Partial<GrantRecord>) => isStopping(mergeProfiles({ ...emptyProfile('n'), grants: [grant(a)] }, { ...emptyProfile('n'), grants: [grant(b)] }).grants[0]!);
  it.each([
    ['lasts until it is done', { stopAskedMs: 5 }, {}, true],
    ['can be taken back', { stopAskedMs: 5 }, { stopAskedMs: 5, stopUndoneMs: 6 }, false],
    ['can be had again', { stopAskedMs: 7, stopUndoneMs: 6 }, { stopAskedMs: 5, stopUndoneMs: 6 }, true],
    ['is over once it is done', { stopAskedMs: 5 }, { state: 'revoked' }, false],
  ] as [string, Partial<GrantRecord>, Partial<GrantRecord>, boolean][])('%s', (_name, a, b, expected) => {
    expect(merged(a, b)).toBe(expected);
    expect(merged(b, a)).toBe(expected);
  });
});

describe('the local copy', () => {
  it('is one person’s and is gone when deleted', async () => {
    const [mine, other] = [new LocalCopy(root), new LocalCopy(new Uint8Array(32).fill(4))];
    await mine.put('records', 'a', [{ secret: 'HbA1c' }]);
    expect(await mine.all('records')).toEqual([[{ secret: 'HbA1c' }]]);
    expect(await other.all('records')).toEqual([]);
    await mine.clear();
    expect(await mine.all('records')).toEqual([]);
  });
});

describe('the current records', () => {
  it('are the last version of each, without those deleted', () => {
    const record = (key: string, id: string, order: number, content: 'fhir' | 'deleted' = 'fhir') =>
      ({ key, order, source: 's', content, resource: { resourceType: 'Observation', id } }) as RecordItem;
    const all = [record('1', 'a', 0), record('2', 'a', 5), record('3', 'b', 1), record('4', 'b', 2, 'deleted')];
    expect(currentRecords(all).map((one) => one.key)).toEqual(['2']);
  });
});
