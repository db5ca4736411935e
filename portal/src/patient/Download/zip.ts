/** A ZIP that is written piece by piece: what is finished is handed to the browser, which may keep it on disk. */
import { Zip, ZipDeflate } from 'fflate';
import { utf8 } from '../../crypto';

/** One file: its text comes in pieces. */
export interface ZipEntry {
  name: string;
  text: Iterable<string> | AsyncIterable<string>;
}

/** After so long the page gets its turn. */
const TURN_MS = 30;
/** So much is handed over at once. */
const HAND_OVER_BYTES = 1024 * 1024;

/** Writes all entries; stops with the signal's reason. */
export async function zipOf(entries: AsyncIterable<ZipEntry>, signal: AbortSignal): Promise<Blob> {
  let whole = new Blob([], { type: 'application/zip' });
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  let failed: unknown = null;
  const handOver = () => {
    whole = new Blob([whole, ...parts], { type: 'application/zip' });
    [parts, size] = [[], 0];
  };
  const zip = new Zip((error, part) => {
    failed ??= error;
    parts.push(part as Uint8Array<ArrayBuffer>);
    size += part.length;
  });
  let turn = Date.now();
  for await (const { name, text } of entries) {
    const file = new ZipDeflate(name, { level: 6 });
    zip.add(file);
    for await (const piece of text) {
      file.push(utf8(piece));
      if (size > HAND_OVER_BYTES) handOver();
      if (Date.now() - turn < TURN_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      turn = Date.now();
    }
    file.push(new Uint8Array(0), true);
    signal.throwIfAborted();
  }
  zip.end();
  if (failed) throw failed;
  handOver();
  return whole;
}
