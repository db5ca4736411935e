/**
 * The tree under a state root: a Merkle mountain range over the log's operations, with a chunk of the bitmap hashed into
 * each subtree of 256 operations.
 */
import { concat, sha256, u64be, type Bytes } from '../crypto';
import { ProofError } from './error';

/** A tree of more leaves has positions beyond the numbers of this page. */
const LEAVES_MAX = 2 ** 51;
const CHUNK_BITS = 256;
const CHUNK_HEIGHT = 8;
/** Which tree this is and how its peaks are folded, before everything that the root hashes. */
const DOMAIN = new Uint8Array([0, 1]);

/** What a proof says of the tree, and the operation's place in it. */
export interface Path {
  location: number;
  chunk: Bytes;
  /** Number of operations. */
  leaves: number;
  /** Number of peaks that hold nothing current. */
  inactive: number;
  /** Peaks and siblings. */
  digests: Bytes[];
}

/** A perfect subtree. */
interface Subtree {
  first: number;
  height: number;
}

const endOf = ({ first, height }: Subtree): number => first + 2 ** height;

function bitsSet(number: number): number {
  let [count, rest] = [0, number];
  for (; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** Position of its top among all nodes, counted as they are made. */
const positionOf = ({ first, height }: Subtree): number => 2 * first - bitsSet(first) + 2 ** (height + 1) - 2;

/** The peaks of a tree with this many leaves, the largest first. */
function peaksOf(leaves: number): Subtree[] {
  const peaks: Subtree[] = [];
  let first = 0;
  for (let height = 52; height >= 0; height--) {
    if (Math.floor(leaves / 2 ** height) % 2 === 0) continue;
    peaks.push({ first, height });
    first += 2 ** height;
  }
  return peaks;
}

const malformed = (): never => {
  throw new ProofError('the proof does not lead to the state of the block');
};

/** The digest of a subtree that holds the operation, or else the next sibling. */
function climb(path: Path, encoded: Bytes, siblings: Bytes[], tree: Subtree): Bytes {
  if (path.location < tree.first || path.location >= endOf(tree)) return siblings.shift() ?? malformed();
  const position = u64be(positionOf(tree));
  if (tree.height === 0) return sha256(position, encoded);
  const height = tree.height - 1;
  const left = climb(path, encoded, siblings, { first: tree.first, height });
  const right = climb(path, encoded, siblings, { first: tree.first + 2 ** height, height });
  const node = sha256(position, left, right);
  const whole = Math.floor(tree.first / CHUNK_BITS) < Math.floor(path.leaves / CHUNK_BITS);
  return tree.height === CHUNK_HEIGHT && whole ? sha256(path.chunk, node) : node;
}

/** The root of the tree in which `encoded` is the operation at the path's location. */
export function rootOf(path: Path, encoded: Bytes): Bytes {
  const { location, leaves, inactive } = path;
  if (leaves > LEAVES_MAX || location >= leaves) return malformed();
  const peaks = peaksOf(leaves);
  if (inactive > peaks.length) return malformed();
  const own = peaks.findIndex((peak) => location < endOf(peak));
  // Before the own peak: the inactive ones folded into one digest, then the others.
  const folded = Math.min(inactive, own);
  const before = Number(folded > 0) + own - folded;
  // After it: inactive ones, then all others folded into one.
  const after = peaks.length - own - 1;
  const single = Math.min(Math.max(inactive - own - 1, 0), after);
  const behind = before + single + Number(after > single);
  if (path.digests.length < behind) return malformed();
  const siblings = path.digests.slice(behind);
  const peak = climb(path, encoded, siblings, peaks[own]!);
  if (siblings.length > 0) return malformed();
  const all = [...path.digests.slice(0, before), peak, ...path.digests.slice(before, behind)];
  return bag(path, all, folded > 0 ? inactive - folded + 1 : inactive);
}

/** The root over the peaks: the first `toFold` forwards, the others backwards. */
function bag({ leaves, inactive }: Path, peaks: Bytes[], toFold: number): Bytes {
  const [first, others] = [peaks.slice(0, Math.max(toFold, 1)), peaks.slice(Math.max(toFold, 1))];
  let folded = first.reduce((one, two) => sha256(one, two));
  if (others.length > 0) folded = sha256(folded, others.reduceRight((behind, peak) => sha256(peak, behind)));
  const counted = inactive === 0 ? u64be(leaves) : concat(u64be(leaves), u64be(inactive));
  return sha256(DOMAIN, counted, folded);
}
