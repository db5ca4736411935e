/** The encrypted local copy (IndexedDB). Keys and values in it say nothing without the person's root. */
import { derive, fromUtf8, label, toHex, utf8 } from '../../crypto';
import { openUnder, sealUnder } from './keys';

const DATABASE = 'salus';
const SEALED = 'sealed';
const DEVICE = 'device';

function database(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(SEALED);
      opening.result.createObjectStore(DEVICE);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function inStore<T>(store: string, mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await database();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(store, mode);
      const asked = ask(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    db.close();
  }
}

/** Facts about this device that are no secret: sealed slots, the network it trusts. */
export const device = {
  get: <T>(key: string) => inStore<T | undefined>(DEVICE, 'readonly', (store) => store.get(key) as IDBRequest<T | undefined>),
  set: (key: string, value: unknown) => inStore(DEVICE, 'readwrite', (store) => store.put(value, key)),
};

const OPENED = 'salus-opened';

/** Whether a record was open in this tab: then a reload asks to unlock it, rather than to begin. */
export const tabMemory = {
  opened: (): boolean => OPENED in sessionStorage,
  setOpened: (opened: boolean): void => {
    if (opened) sessionStorage.setItem(OPENED, 'yes');
    else sessionStorage.removeItem(OPENED);
  },
};

/** One person's sealed items on this device. */
export class LocalCopy {
  private readonly prefix: string;
  constructor(private readonly root: Uint8Array) {
    this.prefix = toHex(derive(label.patientCache, root, utf8('name'))).slice(0, 24);
  }

  private range(kind: string) {
    return IDBKeyRange.bound(`${this.prefix}/${kind}/`, `${this.prefix}/${kind}/\uffff`);
  }

  async put(kind: string, name: string, value: unknown): Promise<void> {
    const sealed = await sealUnder(label.patientCache, this.root, utf8(JSON.stringify(value)));
    await inStore(SEALED, 'readwrite', (store) => store.put(sealed, `${this.prefix}/${kind}/${name}`));
  }

  async all<T>(kind: string): Promise<T[]> {
    const sealed = await inStore<Uint8Array[]>(SEALED, 'readonly', (store) => store.getAll(this.range(kind)));
    const opened = await Promise.all(
      sealed.map((bytes) => openUnder(label.patientCache, this.root, bytes).then(fromUtf8, () => null)),
    );
    return opened.flatMap((text) => (text === null ? [] : [JSON.parse(text) as T]));
  }

  async drop(kind: string): Promise<void> {
    await inStore(SEALED, 'readwrite', (store) => store.delete(this.range(kind)));
  }

  async clear(): Promise<void> {
    await inStore(SEALED, 'readwrite', (store) => store.delete(IDBKeyRange.bound(`${this.prefix}/`, `${this.prefix}/\uffff`)));
  }
}

/** Everything of everybody on this device. */
export const wipeDevice = async (): Promise<void> => {
  await inStore(SEALED, 'readwrite', (store) => store.clear());
  await inStore(DEVICE, 'readwrite', (store) => store.clear());
};
