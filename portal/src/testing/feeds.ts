/** Feeds of the mock organisation: one that works, with a message that waits. */
import type { Feed, WaitingMessage } from '../api/feeds';
import { refuse, type Answer } from './answer';

export class MockFeeds {
  private waiting: WaitingMessage[] = [
    { number: 1, receivedMs: Date.now() - 3_600_000, kind: 'ORU^R01', reason: 'the message does not say the number of the patient (PID-3)', bytes: 812, attempts: 0, erased: false },
    { number: 2, receivedMs: Date.now() - 1_800_000, kind: 'ORU^R01', reason: 'it holds records that were erased here, and would bring them back', bytes: 640, attempts: 0, erased: true },
  ];
  private readonly feed: Feed = {
    name: 'laboratory', kind: 'messages', place: '127.0.0.1:2575', encrypted: false, connections: 1, trouble: null, received: 1_204, filed: 1_203, unchanged: 17, refused: 0, waiting: 2, replayed: 0, discarded: 0, lastMs: Date.now() - 60_000, lastKind: 'ORU^R01',
  };

  list = (): Answer => ({ json: [{ ...this.feed, waiting: this.waiting.length }] });
  letters = (): Answer => ({ json: this.waiting });
  private find = (number: string): WaitingMessage => this.waiting.find((one) => one.number === Number(number)) ?? refuse(404, 'not-found', 'no such message waits in this feed');
  look = (number: string): Answer => ({ json: { ...this.find(number), covered: 'MSH|^~\\&|xxx|xxxx|xxxxx|xxxx|99999999||xxx^x99|x9|x|9.9\nPID|9||^^^xxxx^xx||xxx^xxxx\nOBX|9|xx|9999-9^xxxxxxx^xx||99.99|xx/xx|||||x' } });
  replay = (): Answer => {
    this.waiting.forEach((one) => { one.attempts += 1; });
    return { json: { filed: 0, failed: this.waiting.length } };
  };
  restore(number: string): Answer {
    if (!this.find(number).erased) refuse(409, 'conflict', 'nothing that was erased would come back by it');
    this.waiting = this.waiting.filter((one) => one.number !== Number(number));
    this.feed.replayed += 1;
    return { json: { filed: 1, failed: 0 } };
  }
  discard(number: string): Answer {
    this.find(number);
    this.waiting = this.waiting.filter((one) => one.number !== Number(number));
    this.feed.discarded += 1;
    return {};
  }
}
