/** Says which check failed. */
export class ProofError extends Error {}
