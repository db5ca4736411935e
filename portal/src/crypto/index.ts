export * from './bytes';
export { decodeCanonical, encode } from './codec';
export * from './hash';
export * from './kdf';
export * from './labels';
export { merkleRootOf } from './merkle';
export * from './objects';
export { namespace, publicKey, sign, verifySignature } from './sign';
