/**
 * The canonical encoding of `crates/types` (`codec.rs`): integers big-endian and of fixed size, lengths as shortest
 * LEB128 varints, an option as one byte and the value, fields one after the other. A value has one encoding;
 * {@link decodeCanonical} refuses every other byte string.
 */
import { concat, equal, fromUtf8, u32be, u64be, utf8, type Bytes } from './bytes';

export class DecodeError extends Error {}

export interface Codec<T> {
  write(value: T, out: Uint8Array[]): void;
  read(from: Reader): T;
}

export type Of<C> = C extends Codec<infer T> ? T : never;

export class Reader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  take(length: number): Bytes {
    if (length > this.bytes.length - this.at) throw new DecodeError('the bytes end too early');
    const part = new Uint8Array(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return part;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** Shortest form only, at most 2^53 - 1. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 53; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw new DecodeError('a length is not in its shortest form');
        if (!Number.isSafeInteger(value)) throw new DecodeError('a number is too large');
        return value;
      }
    }
    throw new DecodeError('a number is too large');
  }

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  get position(): number {
    return this.at;
  }
}

export function varint(value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0) throw new DecodeError('not a length');
  const bytes: number[] = [];
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
  return new Uint8Array(bytes);
}

export const u8: Codec<number> = {
  write: (value, out) => out.push(new Uint8Array([value])),
  read: (from) => from.byte(),
};

export const u32: Codec<number> = {
  write: (value, out) => out.push(u32be(value)),
  read: (from) => new DataView(from.take(4).buffer).getUint32(0),
};

/** As a number: heights and times stay below 2^53; more is refused. */
export const u64: Codec<number> = {
  write: (value, out) => out.push(u64be(value)),
  read: (from) => {
    const value = new DataView(from.take(8).buffer).getBigUint64(0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError('a number is too large');
    return Number(value);
  },
};

export const bool: Codec<boolean> = {
  write: (value, out) => out.push(new Uint8Array([value ? 1 : 0])),
  read: (from) => {
    const byte = from.byte();
    if (byte > 1) throw new DecodeError('neither yes nor no');
    return byte === 1;
  },
};

/** Exactly `length` bytes. */
export function fixed(length: number): Codec<Bytes> {
  return {
    write: (value, out) => {
      if (value.length !== length) throw new DecodeError(`${value.length} bytes where ${length} are needed`);
      out.push(value);
    },
    read: (from) => from.take(length),
  };
}

function bounded(length: number, max: number): number {
  if (length > max) throw new DecodeError(`${length} items where at most ${max} are allowed`);
  return length;
}

/** `Bounded<u8, MAX>`. */
export function blob(max: number): Codec<Bytes> {
  return {
    write: (value, out) => out.push(varint(bounded(value.length, max)), value),
    read: (from) => from.take(bounded(from.varint(), max)),
  };
}

/** `Text<MAX>`: at most `max` bytes of UTF-8. */
export function text(max: number): Codec<string> {
  const bytes = blob(max);
  return {
    write: (value, out) => bytes.write(utf8(value), out),
    read: (from) => {
      try {
        return fromUtf8(bytes.read(from));
      } catch (error) {
        throw error instanceof DecodeError ? error : new DecodeError('not UTF-8');
      }
    },
  };
}

/** `Bounded<T, MAX>`. */
export function list<T>(item: Codec<T>, max: number): Codec<T[]> {
  return {
    write: (values, out) => {
      out.push(varint(bounded(values.length, max)));
      for (const value of values) item.write(value, out);
    },
    read: (from) => {
      const length = bounded(from.varint(), max);
      const values: T[] = [];
      for (let at = 0; at < length; at++) values.push(item.read(from));
      return values;
    },
  };
}

export function array<T>(item: Codec<T>, length: number): Codec<T[]> {
  return {
    write: (values, out) => {
      if (values.length !== length) throw new DecodeError(`${values.length} items where ${length} are needed`);
      for (const value of values) item.write(value, out);
    },
    read: (from) => Array.from({ length }, () => item.read(from)),
  };
}

export function option<T>(item: Codec<T>): Codec<T | null> {
  return {
    write: (value, out) => {
      bool.write(value !== null, out);
      if (value !== null) item.write(value, out);
    },
    read: (from) => (bool.read(from) ? item.read(from) : null),
  };
}

/** A fieldless enum: one byte, named as in JSON. */
export function named<N extends string>(codes: Readonly<Record<N, number>>): Codec<N> {
  const names = new Map<number, N>(Object.entries(codes).map(([name, code]) => [code as number, name as N]));
  return {
    write: (value, out) => out.push(new Uint8Array([codes[value]])),
    read: (from) => {
      const name = names.get(from.byte());
      if (name === undefined) throw new DecodeError('unknown kind');
      return name;
    },
  };
}

type Fields = Record<string, Codec<never> | Codec<unknown>>;
type StructOf<F extends Fields> = { [K in keyof F]: Of<F[K]> };

/** Fields in the order in which they are given. */
export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> {
  const entries = Object.entries(fields) as [keyof F, Codec<unknown>][];
  return {
    write: (value, out) => {
      for (const [name, codec] of entries) codec.write(value[name], out);
    },
    read: (from) => {
      const value = {} as Record<keyof F, unknown>;
      for (const [name, codec] of entries) value[name] = codec.read(from);
      return value as StructOf<F>;
    },
  };
}

type Variants = Record<string, readonly [tag: number, fields: Codec<never> | Codec<unknown>]>;
export type SumOf<V extends Variants> = { [N in keyof V & string]: { kind: N } & Of<V[N][1]> }[keyof V & string];

/** One of several structs: a byte that tells which, then its fields. The name stands in `kind`. */
export function sum<V extends Variants>(variants: V): Codec<SumOf<V>> {
  const entries = Object.entries(variants) as [string, readonly [number, Codec<object>]][];
  return {
    write: (value, out) => {
      const [tag, fields] = variants[value.kind]!;
      u8.write(tag, out);
      (fields as Codec<unknown>).write(value, out);
    },
    read: (from) => {
      const tag = u8.read(from);
      const found = entries.find(([, [known]]) => known === tag);
      if (!found) throw new DecodeError('unknown kind');
      const [kind, [, fields]] = found;
      return { kind, ...fields.read(from) } as SumOf<V>;
    },
  };
}

export function encode<T>(codec: Codec<T>, value: T): Bytes {
  const out: Uint8Array[] = [];
  codec.write(value, out);
  return concat(...out);
}

/** Decodes, encodes again, compares, and refuses what differs or is left over. */
export function decodeCanonical<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const from = new Reader(bytes);
  const value = codec.read(from);
  if (!from.done) throw new DecodeError('bytes are left over');
  if (!equal(encode(codec, value), bytes)) throw new DecodeError('the encoding is not canonical');
  return value;
}
